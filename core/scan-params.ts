/**
 * The walk over `params` of one message: everything that access, era or tracing may ask of it, whichever the method turns out to be.
 * Members come in any order, so candidates are gathered here; `scan.ts` picks the one that the method is about.
 */
import { caseVariants } from './case-variants.ts';
import { type BodyHandleKind, RELATED_TASK, type RequestHandle, TASKS_EXTENSION } from './handles.ts';
import type { JsonCursor, Range } from './json-cursor.ts';

/** What of a client's capabilities decides anything here. */
export interface Capabilities {
  /** Does it declare the extension `io.modelcontextprotocol/tasks` (SEP-2663)? */
  readonly tasks: boolean;
}

/** `params._meta` (MCP 2026-07-28, basic/index "_meta"; `traceparent` by SEP-414). The range is the object's, braces included. */
export interface Meta extends Range {
  readonly empty: boolean;
  /** `io.modelcontextprotocol/protocolVersion`; null where it is there but is no string. */
  readonly protocolVersion: string | null | undefined;
  /** `io.modelcontextprotocol/clientCapabilities`, where that is an object. */
  readonly clientCapabilities: Capabilities | undefined;
  /** Its value's range, quotes included; `value` is undefined where it is no string. */
  readonly traceparent: (Range & { readonly value: string | undefined }) | undefined;
  /** `io.modelcontextprotocol/related-task` (MCP 2025-11-25, "Tasks"): its `taskId`. */
  readonly relatedTask: RequestHandle | undefined;
}

/** What `subscriptions/listen` asks to hear of. */
export interface Listens {
  readonly uris: readonly string[];
  readonly tasks: readonly RequestHandle[];
}

/** A completion's `ref`: the prompt's name, or the text of the resource's URI template. */
export interface Ref {
  readonly kind: 'prompt' | 'resource';
  readonly target: string | undefined;
}

export interface Params {
  range: Range | undefined;
  name: string | undefined;
  uri: string | undefined;
  taskId: RequestHandle | undefined;
  /** Undefined where it is null, too. */
  requestState: RequestHandle | undefined;
  ref: Ref | undefined;
  meta: Meta | undefined;
  listens: Listens | undefined;
  /** Our spelling of keys that were found in other case (see `caseVariants`). */
  variants: string[];
  /** What was expected, where a member is of a kind that no revision knows. */
  unfit: string | undefined;
}

const inParams = caseVariants(['name', 'uri', 'taskId', 'requestState', 'ref', '_meta', 'notifications']);
const inRef = caseVariants(['type', 'name', 'uri']);
const inRelatedTask = caseVariants(['taskId']);
const inListens = caseVariants(['resourceSubscriptions', 'taskIds']);

/** Of null, which counts as absent. */
const LETTER_N = 0x6e;

/** A string, or undefined for a value of any other kind. */
export function stringOrSkip(cursor: JsonCursor): string | undefined {
  if (cursor.atString) return cursor.string();
  cursor.skip();
  return undefined;
}

function readHandle(cursor: JsonCursor, kind: BodyHandleKind): RequestHandle {
  const start = cursor.peekAt();
  const value = stringOrSkip(cursor);
  return { kind, value, needed: true, start, end: cursor.at };
}

/** Of a value without a string `taskId`, or with a key that a lenient reader takes for it, the range is the whole value's. */
function readRelatedTask(cursor: JsonCursor): RequestHandle {
  const start = cursor.peekAt();
  let task: RequestHandle | undefined;
  let unsure = !cursor.atObject;
  if (unsure) cursor.skip();
  else
    cursor.object((key) => {
      unsure ||= inRelatedTask(key) !== undefined;
      if (key === 'taskId') task = readHandle(cursor, 'task');
      else cursor.skip();
    });
  return task && !unsure ? task : { kind: 'task', value: undefined, needed: true, start, end: cursor.at };
}

const WITH_TASKS: Capabilities = { tasks: true };
const WITHOUT_TASKS: Capabilities = { tasks: false };

function readCapabilities(cursor: JsonCursor): Capabilities {
  let tasks = false;
  cursor.object((key) => {
    if (key !== 'extensions' || !cursor.atObject) return void cursor.skip();
    cursor.object((extension) => {
      if (extension === TASKS_EXTENSION) tasks = cursor.atObject;
      cursor.skip();
    });
  });
  return tasks ? WITH_TASKS : WITHOUT_TASKS;
}

export function readMeta(cursor: JsonCursor): Meta {
  let empty = true;
  let protocolVersion: string | null | undefined;
  let clientCapabilities: Capabilities | undefined;
  let traceparent: Meta['traceparent'];
  let relatedTask: Meta['relatedTask'];
  const range = cursor.object((key) => {
    empty = false;
    if (key === 'io.modelcontextprotocol/protocolVersion') {
      protocolVersion = stringOrSkip(cursor) ?? null;
    } else if (key === 'traceparent') {
      const start = cursor.peekAt();
      const value = stringOrSkip(cursor);
      traceparent = { start, end: cursor.at, value };
    } else if (key === RELATED_TASK) {
      relatedTask = readRelatedTask(cursor);
    } else if (key === 'io.modelcontextprotocol/clientCapabilities' && cursor.atObject) {
      clientCapabilities = readCapabilities(cursor);
    } else cursor.skip();
  });
  return { start: range.start, end: range.end, empty, protocolVersion, clientCapabilities, traceparent, relatedTask };
}

function readRef(cursor: JsonCursor): Ref | undefined {
  const found: { type?: string | undefined; name?: string | undefined; uri?: string | undefined } = {};
  let unsure = false;
  cursor.object((key) => {
    if (key === 'type' || key === 'name' || key === 'uri') {
      found[key] = stringOrSkip(cursor);
      return;
    }
    unsure ||= inRef(key) !== undefined;
    cursor.skip();
  });
  if (unsure) return undefined;
  if (found.type === 'ref/prompt') return { kind: 'prompt', target: found.name };
  if (found.type === 'ref/resource') return { kind: 'resource', target: found.uri };
  return undefined;
}

/** Undefined where a URI or a task's id is no string, or a key is ours in other case: then nobody can say what is asked for. */
function readListens(cursor: JsonCursor): Listens | undefined {
  const uris: (string | undefined)[] = [];
  const tasks: RequestHandle[] = [];
  let unsure = false;
  cursor.object((key) => {
    if (key === 'resourceSubscriptions' && cursor.atArray) {
      cursor.array(() => void uris.push(stringOrSkip(cursor)));
      return;
    }
    if (key === 'taskIds' && cursor.atArray) {
      cursor.array(() => void tasks.push(readHandle(cursor, 'task')));
      return;
    }
    unsure ||= inListens(key) !== undefined;
    cursor.skip();
  });
  const known = uris.filter((uri) => uri !== undefined);
  const misread = known.length < uris.length || tasks.some(({ value }) => value === undefined);
  return unsure || misread ? undefined : { uris: known, tasks };
}

function readMember(cursor: JsonCursor, params: Params, key: string): void {
  switch (key) {
    case 'name':
    case 'uri':
      params[key] = stringOrSkip(cursor);
      return;
    case 'taskId':
      params.taskId = readHandle(cursor, 'task');
      return;
    case 'requestState':
      if (cursor.peek() === LETTER_N) cursor.skip();
      else params.requestState = readHandle(cursor, 'state');
      return;
    case '_meta':
      if (cursor.atObject) params.meta = readMeta(cursor);
      else if (!cursor.skipNull()) params.unfit = '"_meta" to be an object';
      return;
    case 'ref':
      if (cursor.atObject) params.ref = readRef(cursor);
      else cursor.skip();
      return;
    case 'notifications':
      if (cursor.atObject) params.listens = readListens(cursor);
      else cursor.skip();
      return;
    default: {
      const variant = inParams(key);
      if (variant !== undefined) params.variants.push(variant);
      cursor.skip();
    }
  }
}

export const noParams = (): Params => ({
  range: undefined,
  name: undefined,
  uri: undefined,
  taskId: undefined,
  requestState: undefined,
  ref: undefined,
  meta: undefined,
  listens: undefined,
  variants: [],
  unfit: undefined,
});

/** Reads the value of `params`. Null counts as absent: some clients write it for "none". */
export function readParams(cursor: JsonCursor): Params {
  const params = noParams();
  if (cursor.atObject) params.range = cursor.object((key) => readMember(cursor, params, key));
  else if (!cursor.skipNull()) params.unfit = '"params" to be an object';
  return params;
}
