/**
 * The body of an answer on its way to the caller: lists filtered by what the answer is, all else byte for byte, streamed where it is long.
 * A short JSON answer stays whole, so that it leaves in one write. What status and headers mean is the stage's business.
 * Invariant: no list gets past unfiltered, in JSON, on any stream, in any replay; the caller never waits for bytes that have come.
 */
import { isAscii } from 'node:buffer';
import { type CompiledGrants, filterAnswer, type Refusal } from '@portolan/core';
import type { AnswerBody } from '../ports.ts';
import { gather, regathered } from './gather.ts';
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
  /** Was a list asked for? Then all of it is held, up to `answerBytes`. */
  readonly list: boolean;
  /** The most of an answer that is held: a whole list, or one event of a stream. */
  readonly answerBytes: number;
  /** The id of the request; on a stream without one no response is looked for. */
  readonly id: string | number | undefined;
  /** The same as it stands in the request. */
  readonly idBytes: string | undefined;
  readonly known: KnownLists;
  /** Of a list whose next page is asked for here, where this one has nothing in it; undefined where that is another's business. */
  readonly page: Page | undefined;
  /** Is shown every message of a stream, before the filter. */
  readonly heard: ((message: Buffer) => void) | undefined;
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

const unstreamed = (json: Buffer, how: Relaying): Relayed => ({
  body: knownList(json, how) ?? filter(json, how),
  unchanged: false,
  progress: undefined,
});

async function relayLongJson(source: AnswerBody, how: Relaying): Promise<Relayed> {
  const maxBytes = how.list ? how.answerBytes : WHOLE_BYTES;
  const gathered = await gather(source, maxBytes);
  if (gathered.ended) return unstreamed(gathered.bytes, how);
  if (how.list) {
    await gathered.rest.return?.();
    throw how.invalid(`a list of more than ${maxBytes} bytes`);
  }
  const state = progress(false);
  const watched = stepThrough(regathered(gathered), new JsonWatch());
  return { body: lastAnnounced(explained(watched, how), state), unchanged: true, progress: state };
}

export function relayEvents(source: AsyncIterable<Buffer>, how: Relaying): Relayed {
  const state = progress(true);
  const rewrite: RewriteData = (data) => {
    if (data.length === 0) return undefined; // the event that primes a resumable stream
    how.heard?.(data);
    const known = knownList(data, how); // under the id of the request
    const isAnswer = known !== undefined || answers(data, how.id);
    const filtered = known ?? filter(data, how);
    if (how.page?.onward) {
      if (isAnswer) return 'remove';
      how.page.onward = undefined;
    }
    state.answered ||= isAnswer;
    return filtered === data ? undefined : filtered;
  };
  const rewriter = new SseRewriter(rewrite, how.answerBytes);
  const events = how.page ? untilOnward(source, rewriter, how.page) : stepThrough(source, rewriter);
  return { body: watchIds(explained(events, how), state), unchanged: false, progress: state };
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

/**
 * Every spelling of a list's key, escapes included; letters that fold into ours are no ASCII. Most answers hold none of these words, and a look
 * costs a tenth of a strict reading.
 */
const LIST_WORD = /"(?:tools|prompts|resources|resourcetemplates)"|\\u/i;
const OPEN_BRACE = 0x7b;

const mayBeList = (json: Buffer): boolean =>
  json[0] !== OPEN_BRACE || !isAscii(json) || json.includes(0) || LIST_WORD.test(json.toString('latin1'));

/** What becomes of an answer that has come before. */
const knownList = (json: Buffer, how: Relaying): Buffer | undefined =>
  how.list ? how.known.find(json, { grants: how.grants(), server: how.server, idBytes: how.idBytes }) : undefined;

function filter(json: Buffer, how: Relaying): Buffer {
  if (json.length === 0 || !mayBeList(json)) return json;
  const asker = { grants: how.grants(), server: how.server, idBytes: how.idBytes };
  const filtered = filterAnswer(json, asker.grants, how.server);
  if (filtered.kind === 'unreadable') throw how.invalid('it is not one JSON-RPC message');
  if (how.list) how.known.keep(json, filtered, asker);
  if (how.page) {
    how.page.bytes += json.length;
    how.page.onward = filtered.onward && json.subarray(filtered.onward.start, filtered.onward.end);
  }
  return filtered.kind === 'filtered' ? filtered.bytes : json;
}

/** Is this the response to the request? Cheap words first: most events of a long stream are none. */
function answers(data: Buffer, id: Relaying['id']): boolean {
  if (id === undefined) return false;
  if (data.length > SEARCHED_BYTES) return true;
  if (!data.includes('"result"') && !data.includes('"error"')) return false;
  try {
    const message = JSON.parse(data.toString('utf8'));
    return message.id === id && message.method === undefined;
  } catch {
    return false; // not JSON: the filter refuses it
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

async function* watchIds(source: AsyncIterable<Buffer>, state: Progress): AsyncGenerator<Buffer, void> {
  for await (const chunk of source) {
    state.resumable ||= chunk.includes('\nid:') || chunk.indexOf('id:') === 0;
    yield chunk;
  }
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
