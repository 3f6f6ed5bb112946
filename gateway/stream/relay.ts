/**
 * The body of an answer on its way to the caller: lists filtered by what the answer is, handles sealed, all else byte for byte, streamed where it is long.
 * A short JSON answer stays whole, so that it leaves in one write. What status and headers mean is the stage's business.
 * Invariant: no list gets past unfiltered, in JSON, on any stream, in any replay; the caller never waits for bytes that have come.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import {
  type CompiledGrants,
  type Era,
  filterAnswer,
  HANDLE_KEYS,
  LIST_KEYS,
  type Refusal,
  type ReplaceHandle,
} from '@portolan/core';
import type { AnswerBody, HandleKind } from '../ports.ts';
import type { CallerHandles } from './caller-handles.ts';
import { gather, goingOn } from './gather.ts';
import { JsonWatch } from './json-watch.ts';
import type { KnownLists } from './known-lists.ts';
import { type RewriteData, SseRewriter } from './sse.ts';
import { stepThrough } from './step-through.ts';

/** A JSON answer of up to this many bytes is read whole before it is passed on. */
const WHOLE_BYTES = 262_144;
/** Longer events are taken for the response: to search them would mean parsing them twice, and the record must not come after it. */
const SEARCHED_BYTES = 1_048_576;

export interface Relaying {
  /** The caller's, as they are in force when they are asked. */
  readonly grants: () => CompiledGrants;
  readonly server: string;
  readonly era: Era;
  /** At the handling gateway: seals what the server hands out. */
  readonly handles: CallerHandles | undefined;
  /** Is all of it held, up to `answerBytes`, before anything goes on? */
  readonly held: boolean;
  /** The most of an answer that is held: a whole list, or one event of a stream. */
  readonly answerBytes: number;
  /** The id of the request; on a stream without one no response is looked for. */
  readonly id: string | number | undefined;
  /** The same as it stands in the request. */
  readonly idBytes: string | undefined;
  /** Undefined where no list was asked for. */
  readonly known: KnownLists | undefined;
  /** Of a list whose next page is asked for here, where this one has nothing in it; undefined where that is another's business. */
  readonly page: Page | undefined;
  /** Is told what the server waits for. */
  readonly waiting: Waiting;
  /** Makes the error for an answer that cannot be passed on. */
  readonly invalid: (expected: string) => Refusal;
}

/** What has been read of one page of a list. */
export interface Page {
  /** Its length; of all messages that came with it. */
  bytes: number;
  /** The cursor of the next page, as it stands, where nothing is left in this one: then it is not passed on. */
  onward: Buffer | undefined;
}

/** A server that asks the caller something (elicitation, sampling, roots) waits for a person; its next event says that it has gone on. */
export interface Waiting {
  asked(): void;
  wentOn(): void;
}

/** How far a streamed answer has come. */
export interface Progress {
  /** Of an event stream; else of a long JSON text. */
  readonly events: boolean;
  /** The next bytes complete the response that the caller waits for. */
  answered: boolean;
  /** Events have ids: a legacy client that loses the stream can take it up again. */
  resumable: boolean;
}

export interface Relayed {
  readonly body: Buffer | AsyncIterable<Buffer>;
  /** The same in latin1, where it had to be made anyway. */
  readonly text: string | undefined;
  /** Bytes are the server's own: their length holds. */
  readonly unchanged: boolean;
  /** Undefined for what is not streamed. */
  readonly progress: Progress | undefined;
}

const progress = (events: boolean): Progress => ({ events, answered: false, resumable: false });

/** Answers at once where the body has come already. */
export function relayJson(source: AnswerBody, how: Relaying): Relayed | Promise<Relayed> {
  const whole = source.whole?.();
  return whole ? unstreamed(whole, how) : relayLongJson(source, how);
}

function unstreamed(json: Buffer, how: Relaying): Relayed {
  const known = knownList(json, how);
  const text = known ? undefined : harmless(json, how);
  const body = known ?? (text === undefined ? filtered(json, how) : json);
  return { body, text, unchanged: false, progress: undefined };
}

async function relayLongJson(source: AnswerBody, how: Relaying): Promise<Relayed> {
  const maxBytes = how.held ? how.answerBytes : WHOLE_BYTES;
  const gathered = await gather(source, maxBytes);
  if (gathered.ended) return unstreamed(gathered.bytes, how);
  if (how.held) {
    await gathered.rest.return?.();
    throw how.invalid(`an answer of more than ${maxBytes} bytes`);
  }
  const state = progress(false);
  const watched = stepThrough(goingOn([gathered.bytes], false, gathered.rest), new JsonWatch(replacing(how)));
  const body = lastAnnounced(explained(watched, how), state);
  return { body, text: undefined, unchanged: !how.handles, progress: state };
}

export function relayEvents(source: AsyncIterable<Buffer>, how: Relaying): Relayed {
  const state = progress(true);
  const rewrite: RewriteData = (data) => {
    if (data.length === 0) return undefined; // the event that primes a resumable stream
    const known = knownList(data, how); // under the id of the request
    const kind = known === undefined ? kindOf(data, how.id) : 'response';
    if (kind === 'request') how.waiting.asked();
    else if (kind !== 'ping') how.waiting.wentOn();
    const passed = known ?? (harmless(data, how) === undefined ? filtered(data, how) : data);
    if (how.page?.onward) {
      if (kind === 'response') return 'remove';
      how.page.onward = undefined;
    }
    state.answered ||= kind === 'response';
    return passed === data ? undefined : passed;
  };
  const id = (bytes: Buffer): Buffer | undefined => {
    if (how.era === 'modern') return NOTHING; // there is no resuming, so an id would be a handle to nothing
    const sealedId = bytes.length > 0 && how.handles ? sealedEventId(bytes, how.handles) : undefined;
    state.resumable ||= (sealedId ?? bytes).length > 0;
    return sealedId;
  };
  const rewriter = new SseRewriter({ data: rewrite, id }, how.answerBytes);
  const events = how.page ? untilOnward(source, rewriter, how.page) : stepThrough(source, rewriter);
  return { body: explained(events, how), text: undefined, unchanged: false, progress: state };
}

/** As `stepThrough`, but leaves a stream that may stay open when its answer has been taken out. */
async function* untilOnward(
  source: AsyncIterable<Buffer>,
  rewriter: SseRewriter,
  page: Page,
): AsyncGenerator<Buffer, void> {
  for await (const chunk of source) {
    yield* rewriter.take(chunk);
    if (page.onward) return;
  }
  yield* rewriter.end();
}

/** An id comes back in a header, which has an end and holds no control characters. One that could not is taken out: the stream cannot be taken up there. */
function sealedEventId(bytes: Buffer, handles: CallerHandles): Buffer {
  const id = bytes.toString();
  const sealedId = isUtf8(bytes) && !CONTROL.test(id) ? handles.seal('event', id) : undefined;
  return sealedId === undefined ? NOTHING : Buffer.from(sealedId);
}

const replacing = (how: Relaying): ReplaceHandle | undefined =>
  how.handles && ((kind, handle) => sealed(how, kind, handle));

function sealed(how: Relaying, kind: HandleKind, id: string): string {
  const handle = how.handles?.seal(kind, id);
  if (handle === undefined) throw how.invalid(`a ${NAMES[kind]} that can be sealed`);
  return handle;
}

// table
const NAMES: Readonly<Record<HandleKind, string>> = {
  session: 'session id',
  event: 'event id',
  task: 'task id',
  state: 'requestState',
};

const anyKey = (keys: readonly string[]): RegExp => new RegExp(`"(?:${keys.join('|')})"`, 'i');

/**
 * Every spelling of a list's key but escapes; letters that fold into ours are no ASCII. Most answers hold none of these words, and a look costs a
 * tenth of a strict reading.
 */
const LIST_WORD = anyKey(LIST_KEYS);
/** Likewise, and of a handle's; the `related-task` of a `_meta` and every task have one of these. */
const LIST_OR_HANDLE_WORD = anyKey([...LIST_KEYS, ...HANDLE_KEYS]);
/** A word may be spelled with it. Apart from the words, because it is short: a search for long words alone skips most of a text. */
const ESCAPED = /\\u/i;
const OPEN_BRACE = 0x7b;
const NOTHING = Buffer.alloc(0);
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** The text of what holds neither a list nor a handle, whoever reads it; undefined where it might. */
function harmless(json: Buffer, how: Relaying): string | undefined {
  if (json.length === 0) return '';
  if (json[0] !== OPEN_BRACE || !isAscii(json)) return undefined;
  const text = json.toString('latin1');
  return holds(text, how.handles ? LIST_OR_HANDLE_WORD : LIST_WORD) ? undefined : text;
}

/** Whoever takes UTF-16 for JSON finds NULs in it. */
const holds = (text: string, word: RegExp): boolean =>
  text.includes('\0') || (text.includes('\\') && ESCAPED.test(text)) || word.test(text);

/** What becomes of an answer that has come before. */
const knownList = (json: Buffer, how: Relaying): Buffer | undefined =>
  how.known?.find(json, { grants: how.grants(), server: how.server, idBytes: how.idBytes });

function filtered(json: Buffer, how: Relaying): Buffer {
  const asker = { grants: how.grants(), server: how.server, idBytes: how.idBytes };
  const read = filterAnswer(json, asker.grants, how.server, replacing(how));
  if (read.kind === 'unreadable') throw how.invalid('it is not one JSON-RPC message');
  how.known?.keep(json, read, asker);
  if (how.page) {
    how.page.bytes += json.length;
    how.page.onward = read.onward && json.subarray(read.onward.start, read.onward.end);
  }
  return read.kind === 'filtered' ? read.bytes : json;
}

/** What an event is to a caller who waits for the response to `id`. Cheap words first: most events of a long stream are notifications. */
function kindOf(data: Buffer, id: Relaying['id']): 'response' | 'request' | 'ping' | 'other' {
  if (id === undefined) return 'other';
  if (data.length > SEARCHED_BYTES) return 'response';
  if (!data.includes('"id"')) return 'other';
  try {
    const message = JSON.parse(data.toString('utf8'));
    if (message.method === undefined) return message.id === id ? 'response' : 'other';
    if (message.id === undefined) return 'other';
    return message.method === 'ping' ? 'ping' : 'request'; // what a client answers by itself nobody thinks about
  } catch {
    return 'other'; // not JSON: the filter refuses it
  }
}

/** Says of the last chunk, before it goes on, that it is the last. */
async function* lastAnnounced(source: AsyncIterable<Buffer>, state: Progress): AsyncGenerator<Buffer, void> {
  let held: Buffer | undefined;
  for await (const chunk of source) {
    if (held) yield held;
    held = chunk;
  }
  state.answered = true;
  if (held) yield held;
}

/** A transform knows what it expected, but not whose answer it reads. */
async function* explained(source: AsyncIterable<Buffer>, how: Relaying): AsyncGenerator<Buffer, void> {
  try {
    yield* source;
  } catch (error) {
    const { code, context } = error as Refusal;
    throw code === 'upstream_invalid' && context.name === undefined ? how.invalid(context.expected ?? '') : error;
  }
}
