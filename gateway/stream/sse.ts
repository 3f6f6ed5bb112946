/**
 * Reads a server-sent event stream (WHATWG HTML §9.2.5, §9.2.6) as it passes, and lets functions replace data and ids of single events.
 * What it leaves alone goes on byte for byte: line ends, comments, retry, BOM. An event goes on as soon as its blank line is there,
 * a comment between events at once.
 * Invariant: holds one event at most, `maxEventBytes` at most; no data and no id gets past its function, not even of an event that the end cuts off.
 */
import { refuse } from '@portolan/core';
import { HeldBytes } from './held-bytes.ts';
import { LineEnds } from './line-ends.ts';
import { dataLines } from './sse-event.ts';
import type { ChunkFilter } from './step-through.ts';

/**
 * Gets the data of an event, its lines joined by LF. Undefined: leave the event as it is; `remove`: take it out, its id and all.
 * What it throws ends the stream.
 */
export type RewriteData = (data: Buffer) => Buffer | 'remove' | undefined;
/** Gets an id of an event. Undefined: leave the line as it is; empty: take it out. What it throws ends the stream. */
export type RewriteId = (id: Buffer) => Buffer | undefined;
export interface Rewriting {
  readonly data: RewriteData;
  /** Without it ids stay. */
  readonly id?: RewriteId;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const BOM = [0xef, 0xbb, 0xbf];
const NOTHING = Buffer.alloc(0);
const NEWLINE = Buffer.from('\n');
const COMMENT = Buffer.from(':');
const DATA = Buffer.from('data: ');
const ID = Buffer.from('id: ');

/** A line of an event, as positions in it. */
interface Line {
  readonly start: number;
  /** Where its value stands. */
  readonly from: number;
  readonly end: number;
  /** Where the next line starts. */
  readonly next: number;
}

const afterLineEnd = (bytes: Buffer, end: number): number =>
  bytes[end] === CR && bytes[end + 1] === LF ? end + 2 : Math.min(end + 1, bytes.length);

/** Where the value of the line begins, where its field is `field`; else undefined. */
function valueStart(event: Buffer, field: Buffer, start: number, end: number): number | undefined {
  const colon = start + field.indexOf(COLON);
  if (colon > end || field.compare(event, start, colon, 0, colon - start) !== 0) return undefined;
  if (colon === end) return end;
  if (event[colon] !== COLON) return undefined;
  return event[colon + 1] === SPACE && colon + 1 < end ? colon + 2 : colon + 1;
}

/**
 * A letter or a colon. Readers of events pass over any other line; a lenient one might take it for a message, a bare list that is labelled as events
 * above all, so nothing of it goes on.
 */
const mayBeginField = (byte: number): boolean => byte === COLON || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a);

/** A range of an event and what takes its place. */
interface Replaced {
  readonly start: number;
  readonly end: number;
  readonly instead: Buffer;
}

const NONE: readonly Replaced[] = [];

interface Lines {
  readonly data: readonly Line[];
  readonly ids: readonly Line[] | undefined;
  /** Those that are no field. */
  readonly strange: readonly Replaced[] | undefined;
}

function linesOf(event: Buffer): Lines {
  const ends = new LineEnds(event);
  const data: Line[] = [];
  let ids: Line[] | undefined;
  let strange: Replaced[] | undefined;
  for (let start = 0; start < event.length; ) {
    const end = ends.next(start) ?? event.length;
    const next = afterLineEnd(event, end);
    if (end > start && !mayBeginField(event[start] ?? 0)) {
      strange ??= [];
      strange.push({ start, end, instead: COMMENT });
    }
    const field = event[start] === DATA[0] ? DATA : event[start] === ID[0] ? ID : undefined;
    const from = field && valueStart(event, field, start, end);
    if (from !== undefined) {
      const line = { start, from, end, next };
      if (field === DATA) data.push(line);
      else if (ids) ids.push(line);
      else ids = [line];
    }
    start = next;
  }
  return { data, ids, strange };
}

function dataOf(event: Buffer, lines: readonly Line[]): Buffer {
  const [first] = lines;
  if (lines.length === 1 && first) return event.subarray(first.from, first.end);
  const size = lines.reduce((sum, line) => sum + line.end - line.from + 1, -1);
  const data = Buffer.alloc(size, LF);
  let at = 0;
  for (const line of lines) at += event.copy(data, at, line.from, line.end) + 1;
  return data;
}

/** `data` as data lines, ended like the line whose place they take. */
const framed = (data: Buffer, lineEnd: Buffer): Buffer =>
  dataLines(data, lineEnd.length > 0 ? lineEnd : NEWLINE, lineEnd);

function replacedData(event: Buffer, lines: readonly Line[], rewrite: RewriteData): readonly Replaced[] | 'remove' {
  const [first, ...more] = lines;
  const data = first && rewrite(dataOf(event, lines));
  if (!first || data === undefined) return [];
  if (data === 'remove') return data;
  const instead = framed(data, event.subarray(first.end, first.next));
  // a line stays, as a comment: without it a CR before and an LF after would become one line end
  const comments = more.map(({ start, end }) => ({ start, end, instead: COMMENT }));
  return [{ start: first.start, end: first.next, instead }, ...comments];
}

function replacedIds(event: Buffer, lines: readonly Line[], rewrite: RewriteId): readonly Replaced[] {
  return lines.flatMap(({ start, from, end }) => {
    const id = rewrite(event.subarray(from, end));
    if (id === undefined) return [];
    return { start, end, instead: id.length === 0 ? COMMENT : Buffer.concat([ID, id]) };
  });
}

/** One event, its blank line included, with its data and ids replaced where `rewriting` says so. */
function rewriteEvent(event: Buffer, rewriting: Rewriting): Buffer {
  const { data, ids, strange = NONE } = linesOf(event);
  // ids first: whoever looks at the data may want to know that the event has one
  const newIds = ids && rewriting.id ? replacedIds(event, ids, rewriting.id) : [];
  const newData = replacedData(event, data, rewriting.data);
  if (newData === 'remove') return NOTHING;
  const replaced = [...newIds, ...newData, ...strange];
  if (replaced.length === 0) return event;
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, instead } of replaced.sort((a, b) => a.start - b.start)) {
    parts.push(event.subarray(at, start), instead);
    at = end;
  }
  return Buffer.concat([...parts, event.subarray(at)]);
}

/** One stream: bytes of an upstream in, bytes for the caller out. */
export class SseRewriter implements ChunkFilter {
  readonly #rewriting: Rewriting;
  readonly #maxEventBytes: number;
  /** What `take` answers. */
  #out: Buffer[] = [];
  /** The bytes of the event, and of the line in it, that have come so far. */
  readonly #held = new HeldBytes();
  /** First byte of the current line; undefined while it is empty. */
  #first: number | undefined;
  /** The event has a line that is no comment. */
  #hasFields = false;
  /** The last chunk ended in a CR: an LF that follows belongs to the same line end. */
  #afterCr = false;
  /** How much of a byte order mark has been seen; -1 once the text has begun. */
  #bom = 0;

  /** `maxEventBytes`: cap of one event, framing included; over it the stream ends with `upstream_invalid`. */
  constructor(rewriting: Rewriting, maxEventBytes: number) {
    this.#rewriting = rewriting;
    this.#maxEventBytes = maxEventBytes;
  }

  /** Throws `upstream_invalid` for an event over the cap, and whatever the functions throw. */
  take(chunk: Buffer): readonly Buffer[] {
    this.#out = [];
    this.#read(chunk);
    return this.#out;
  }

  /** What the end cuts off is discarded by conforming readers, and read by others: it goes through the functions too. */
  end(): readonly Buffer[] {
    this.#out = [];
    this.#release(NOTHING);
    return this.#out;
  }

  #read(chunk: Buffer): void {
    const ends = new LineEnds(chunk);
    let at = this.#skipBom(chunk);
    if (at < chunk.length) at += this.#finishCrLf(chunk, at);
    let from = at;
    let event = at;
    while (at < chunk.length) {
      const end = ends.next(at);
      if (end !== at) this.#first ??= chunk[at];
      if (end === undefined) break;
      at = afterLineEnd(chunk, end);
      if (!this.#endLine()) continue;
      if (!this.#goesOnAsItIs(event, at)) {
        this.#pass(chunk.subarray(from, event));
        this.#release(chunk.subarray(event, at));
        from = at;
      }
      event = at;
    }
    this.#pass(chunk.subarray(from, event));
    this.#hold(chunk.subarray(event));
    if (chunk.length > 0) this.#afterCr = chunk.at(-1) === CR;
  }

  /** A comment or a blank line between events, whole in this chunk: many of them are one write, however short they are. */
  #goesOnAsItIs(start: number, end: number): boolean {
    return this.#held.size === 0 && !this.#hasFields && end - start <= this.#maxEventBytes;
  }

  #pass(bytes: Buffer): void {
    if (bytes.length > 0) this.#out.push(bytes);
  }

  /** A line is over; true where what is held so far may go on: an event with its blank line, or a comment between events. */
  #endLine(): boolean {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined && first !== COLON) this.#hasFields = true;
    return first === undefined || !this.#hasFields;
  }

  /** A BOM at the very start is no part of the first line; it goes on by itself. */
  #skipBom(chunk: Buffer): number {
    let at = 0;
    while (this.#bom >= 0 && at < chunk.length) {
      if (chunk[at] !== BOM[this.#bom]) this.#bom = -1;
      else {
        at += 1;
        this.#bom = this.#bom === 2 ? -1 : this.#bom + 1;
      }
    }
    if (at > 0) this.#out.push(chunk.subarray(0, at));
    return at;
  }

  /** The LF of a CRLF that two chunks have torn apart. */
  #finishCrLf(chunk: Buffer, at: number): number {
    if (!this.#afterCr || chunk[at] !== LF) return 0;
    const lf = chunk.subarray(at, at + 1);
    if (this.#held.size === 0) this.#out.push(lf);
    else this.#hold(lf);
    return 1;
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#held.add(bytes);
    if (this.#held.size <= this.#maxEventBytes) return;
    throw refuse('upstream_invalid', { expected: `an event of more than ${this.#maxEventBytes} bytes` });
  }

  /** Ends the event with `last` and sends it on. */
  #release(last: Buffer): void {
    this.#hold(last);
    const event = this.#held.take();
    this.#hasFields = false;
    const rewritten = event.length > 0 ? rewriteEvent(event, this.#rewriting) : NOTHING;
    if (rewritten.length > 0) this.#out.push(rewritten);
  }
}
