/**
 * One strict pass over the bytes of a request: valid JSON, one JSON-RPC 2.0 message, and the few members that decisions are made on.
 * Decides nothing about access or era and builds no tree: the original bytes go upstream, at most with our `traceparent` spliced in.
 * Invariant: no two readers of these bytes can disagree about a member that we decide on; never throws, whatever the bytes.
 */
import { caseVariants } from './case-variants.ts';
import type { FaultCode } from './errors.ts';
import type { RequestHandle } from './handles.ts';
import { JsonCursor, JsonFault, type Range } from './json-cursor.ts';
import { type Listens, type Meta, noParams, type Params, readMeta, readParams, stringOrSkip } from './scan-params.ts';

/** Deepest nesting, and members of all objects together, of a request. */
const scanLimits = { depth: 64, keys: 10_000 } as const;

/** One JSON-RPC message. What is not there is undefined. */
export interface Scanned {
  readonly kind: 'request' | 'notification' | 'response';
  readonly id: string | number | undefined;
  /** The id as it stands in the body (`"a"`, `12345678901234567890`), to be echoed into JSON unchanged. */
  readonly idBytes: string | undefined;
  /** Undefined for a response alone. */
  readonly method: string | undefined;
  /**
   * What the method is about, where that is a string: `params.name` of tools/call and prompts/get, `params.uri` of resources/read,
   * subscribe and unsubscribe, `params.taskId` of tasks/*, the name or URI of completion/complete's `params.ref`.
   */
  readonly target: string | undefined;
  /** For completion/complete: what the target is. */
  readonly ref: 'prompt' | 'resource' | undefined;
  /** For subscriptions/listen; undefined where its `notifications` cannot be read. */
  readonly listens: Listens | undefined;
  /** Of the value of `params`, braces included. */
  readonly params: Range | undefined;
  readonly meta: Meta | undefined;
  /**
   * In no order: `params.taskId`, `params.requestState`, the `taskIds` of subscriptions/listen, and the related task in a `_meta`, a response's too.
   */
  readonly handles: readonly RequestHandle[] | undefined;
}

/** Why the body was refused: `name` and `expected` fill the fault's sentence; `idBytes` is echoed where the id could be read. */
export interface Unscannable {
  readonly fault: FaultCode;
  readonly name: string | undefined;
  readonly expected: string | undefined;
  readonly id: string | number | undefined;
  readonly idBytes: string | undefined;
}

// table: the member of `params` that a method is about
const SUBJECTS: ReadonlyMap<string, 'name' | 'uri' | 'ref' | 'notifications'> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['resources/subscribe', 'uri'],
  ['resources/unsubscribe', 'uri'],
  ['completion/complete', 'ref'],
  ['subscriptions/listen', 'notifications'],
]);
type Subject = 'name' | 'uri' | 'taskId' | 'ref' | 'notifications';
const subjectOf = (method: string | undefined): Subject | undefined =>
  method === undefined ? undefined : (SUBJECTS.get(method) ?? (method.startsWith('tasks/') ? 'taskId' : undefined));

const NO_HANDLES: readonly RequestHandle[] = [];

const inMessage = caseVariants(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);

interface Id {
  readonly id: string | number;
  readonly idBytes: string;
}

/** Members of the message as found; `unfit` is the first fault of form, told after the walk so that an id further on can be echoed. */
interface Members {
  version: boolean;
  id: Id | undefined;
  method: string | undefined;
  params: Params;
  result: boolean;
  /** Of a response: the task that its result says it belongs to. */
  relatedTask: RequestHandle | undefined;
  error: boolean;
  unfit: string | undefined;
}

function readId(cursor: JsonCursor): Id | undefined {
  const start = cursor.peekAt();
  if (cursor.atString) {
    const id = cursor.string();
    return { id, idBytes: cursor.bytes.toString('utf8', start, cursor.at) };
  }
  const idBytes = cursor.bytes.toString('latin1', start, cursor.skip().end);
  const id = /^[-\d]/.test(idBytes) ? Number(idBytes) : Number.NaN;
  return Number.isInteger(id) ? { id, idBytes } : undefined;
}

function readResultMember(cursor: JsonCursor, found: Members, key: string): void {
  if (key === '_meta' && cursor.atObject) found.relatedTask = readMeta(cursor).relatedTask;
  else cursor.skip();
}

function readMember(cursor: JsonCursor, found: Members, key: string): void {
  switch (key) {
    case 'jsonrpc':
      found.version = stringOrSkip(cursor) === '2.0';
      return;
    case 'id':
      found.id = readId(cursor);
      if (!found.id) found.unfit ??= '"id" must be a string or an integer';
      return;
    case 'method':
      found.method = stringOrSkip(cursor);
      if (found.method === undefined) found.unfit ??= '"method" must be a string';
      return;
    case 'params':
      found.params = readParams(cursor);
      found.unfit ??= found.params.unfit;
      return;
    case 'result':
    case 'error':
      if (key === 'error' && !cursor.atObject) found.unfit ??= '"error" must be an object';
      found[key] = true;
      if (key === 'result' && cursor.atObject) cursor.object((member) => readResultMember(cursor, found, member));
      else cursor.skip();
      return;
    default: {
      const variant = inMessage(key);
      if (variant !== undefined) found.unfit ??= `"${variant}" is written so, in lower case`;
      cursor.skip();
    }
  }
}

/** What is wrong with the message's form (JSON-RPC 2.0 §4, §5), or undefined. */
function misshapen(found: Members): string | undefined {
  if (found.unfit !== undefined) return found.unfit;
  if (!found.version) return '"jsonrpc" must be "2.0"';
  if (found.method !== undefined) {
    if (found.result || found.error) return 'a message has "method" or a result, not both';
    const subject = subjectOf(found.method);
    const variant = found.params.variants.find((key) => key === subject || key === '_meta' || key === 'requestState');
    return variant && `"${variant}" in "params" is written so, in this case`;
  }
  if (found.result === found.error) return '"method", or one of "result" and "error"';
  return found.id === undefined ? 'a response has an "id"' : undefined;
}

/** Undefined for most messages: they have none. */
function handlesOf({ params, relatedTask, id }: Members, subject: Subject | undefined): Scanned['handles'] {
  const { taskId, requestState, listens, meta } = params;
  const tasks = subject === 'notifications' && listens ? listens.tasks : NO_HANDLES;
  const related = meta?.relatedTask ?? relatedTask;
  if (!taskId && !requestState && !related && tasks.length === 0) return undefined;
  const handles = [...tasks];
  if (requestState) handles.push(requestState);
  // methods that we do not know may mean anything by it, notifications a task of the client's
  if (taskId) handles.push({ ...taskId, needed: subject === 'taskId' });
  if (related) handles.push({ ...related, needed: !relatedTask && id !== undefined });
  return handles;
}

function message(found: Members): Scanned {
  const { method, params, id } = found;
  const subject = subjectOf(method);
  const named = subject === 'name' || subject === 'uri' ? params[subject] : undefined;
  return {
    kind: method === undefined ? 'response' : id === undefined ? 'notification' : 'request',
    id: id?.id,
    idBytes: id?.idBytes,
    method,
    target: subject === 'ref' ? params.ref?.target : subject === 'taskId' ? params.taskId?.value : named,
    ref: subject === 'ref' ? params.ref?.kind : undefined,
    listens: subject === 'notifications' ? params.listens : undefined,
    params: params.range,
    meta: params.meta,
    handles: handlesOf(found, subject),
  };
}

/** The id of a message that is refused for what stands before or after it; undefined where there is none, or more than one. */
function idOf(body: Buffer): Id | undefined {
  const ids: (Id | undefined)[] = [];
  try {
    const cursor = new JsonCursor(body, { ...scanLimits, unique: false });
    cursor.object((key) => {
      if (key === 'id') ids.push(readId(cursor));
      else cursor.skip();
    });
    cursor.end();
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
  }
  return ids.length === 1 ? ids[0] : undefined;
}

function refused(body: Buffer, fault: JsonFault): Unscannable {
  const id = idOf(body);
  const name = fault.code === 'duplicate_key' ? fault.says : undefined;
  return {
    fault: fault.code,
    name,
    expected: name === undefined ? fault.says : undefined,
    id: id?.id,
    idBytes: id?.idBytes,
  };
}

const unfit = (fault: FaultCode, expected: string | undefined, id: Id | undefined): Unscannable => ({
  fault,
  name: undefined,
  expected,
  id: id?.id,
  idBytes: id?.idBytes,
});

function walk(cursor: JsonCursor): Scanned | Unscannable {
  const found: Members = {
    version: false,
    id: undefined,
    method: undefined,
    params: noParams(),
    result: false,
    relatedTask: undefined,
    error: false,
    unfit: undefined,
  };
  if (cursor.atArray) return unfit('batch_refused', undefined, undefined);
  if (cursor.atObject) cursor.object((key) => readMember(cursor, found, key));
  else {
    cursor.skip();
    found.unfit = 'the body must be one object';
  }
  cursor.end();
  const wrong = misshapen(found);
  return wrong === undefined ? message(found) : unfit('invalid_request', wrong, found.id);
}

/**
 * Scans the body of one POST. The caller has capped its size. Refuses with `parse_error`, `duplicate_key`, `too_complex`,
 * `batch_refused` or `invalid_request`; tell the two outcomes apart by `'fault' in scanned`.
 */
export function scan(body: Buffer): Scanned | Unscannable {
  try {
    return walk(new JsonCursor(body, { ...scanLimits, unique: true }));
  } catch (error) {
    if (error instanceof JsonFault) return refused(body, error);
    throw error;
  }
}
