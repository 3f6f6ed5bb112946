/**
 * Reads a server-sent event stream (WHATWG HTML §9.2.5, §9.2.6) as it passes, and lets a function replace the data of single events.
 * What it leaves alone goes on byte for byte: line ends, comments, ids, retry, BOM. An event goes on as soon as its blank line is there,
 * a comment between events at once.
 * Invariant: holds one event at most, `maxEventBytes` at most; no data gets past the function, not even of an event that the end cuts off.
 */
import { Transform, type TransformCallback } from 'node:stream';
import { refuse } from '@portolan/core';
import { LineEnds } from './line-ends.ts';

/** Gets the data of an event, its lines joined by LF. Undefined: leave the event as it is. What it throws ends the stream. */
export type RewriteData = (data: Buffer) => Buffer | undefined;

export interface SseOptions {
  /** Cap of one event, framing included. Default 4 MiB; over it the stream ends with `upstream_invalid`. */
  readonly maxEventBytes?: number;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const BOM = [0xef, 0xbb, 0xbf];
const NEWLINE = Buffer.from('\n');
const FIELD = Buffer.from('data: ');
const DATA = Buffer.from('data');

interface Line {
  /** From its first byte to before its line end. */
  readonly text: Buffer;
  readonly lineEnd: Buffer;
}

function linesOf(event: Buffer): readonly Line[] {
  const ends = new LineEnds(event);
  const lines: Line[] = [];
  for (let at = 0; at < event.length; ) {
    const end = ends.next(at) ?? event.length;
    const both = event[end] === CR && event[end + 1] === LF;
    const next = Math.min(end + (both ? 2 : 1), event.length);
    lines.push({ text: event.subarray(at, end), lineEnd: event.subarray(end, next) });
    at = next;
  }
  return lines;
}

/** The value of a data line; undefined for any other line. */
function dataOf(line: Line): Buffer | undefined {
  const { text } = line;
  if (!text.subarray(0, DATA.length).equals(DATA)) return undefined;
  if (text.length === DATA.length) return text.subarray(DATA.length);
  if (text[DATA.length] !== COLON) return undefined;
  return text.subarray(text[DATA.length + 1] === 0x20 ? FIELD.length : FIELD.length - 1);
}

const joined = (parts: readonly Buffer[], separator: Buffer): Buffer =>
  parts.length === 1 && parts[0]
    ? parts[0]
    : Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [separator, part])));

/** Data lines for `data`, ended like the line whose place they take. */
function dataLines(data: Buffer, lineEnd: Buffer): Buffer {
  const between = lineEnd.length > 0 ? lineEnd : NEWLINE;
  const lines = linesOf(data).map((line) => Buffer.concat([FIELD, line.text]));
  return Buffer.concat([joined(lines.length > 0 ? lines : [FIELD], between), lineEnd]);
}

/** One event, its blank line included, with its data replaced where `rewrite` says so. */
function rewriteEvent(event: Buffer, rewrite: RewriteData): Buffer {
  const lines = linesOf(event).map((line) => ({ ...line, data: dataOf(line) }));
  const first = lines.findIndex((line) => line.data !== undefined);
  if (first < 0) return event;
  const data = rewrite(
    joined(
      lines.flatMap((line) => line.data ?? []),
      NEWLINE,
    ),
  );
  if (data === undefined) return event;
  const replaced = lines.flatMap((line, i) => {
    if (i === first) return [dataLines(data, line.lineEnd)];
    return line.data === undefined ? [line.text, line.lineEnd] : [];
  });
  return Buffer.concat(replaced);
}

/** The stream: bytes of an upstream in, bytes for the caller out. Back-pressure is the Transform's own. */
export class SseRewriter extends Transform {
  readonly #rewrite: RewriteData;
  readonly #maxEventBytes: number;
  /** The bytes of the event, and of the line in it, that have come so far. */
  #parts: Buffer[] = [];
  #size = 0;
  /** First byte of the current line; undefined while it is empty. */
  #first: number | undefined;
  /** The event has a line that is no comment. */
  #hasFields = false;
  /** The last byte was a CR: an LF that follows belongs to the same line end. */
  #afterCr = false;
  /** How much of a byte order mark has been seen; -1 once the text has begun. */
  #bom = 0;

  constructor(rewrite: RewriteData, options: SseOptions = {}) {
    super();
    this.#rewrite = rewrite;
    this.#maxEventBytes = options.maxEventBytes ?? 4 * 1024 * 1024;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#read(chunk);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  /** What the stream's end cuts off is discarded by conforming readers, and read by others: it goes through the function too. */
  override _flush(done: TransformCallback): void {
    try {
      this.#release(Buffer.alloc(0));
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  #read(chunk: Buffer): void {
    const ends = new LineEnds(chunk);
    let at = this.#skipBom(chunk);
    if (at < chunk.length) at += this.#finishCrLf(chunk, at);
    let from = at;
    while (at < chunk.length) {
      const end = ends.next(at);
      if (end !== at) this.#first ??= chunk[at];
      if (end === undefined) break;
      const both = chunk[end] === CR && chunk[end + 1] === LF;
      at = end + (both ? 2 : 1);
      this.#afterCr = chunk[end] === CR && !both;
      if (this.#endLine()) {
        this.#release(chunk.subarray(from, at));
        from = at;
      }
    }
    this.#hold(chunk.subarray(from));
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
    if (at > 0) this.push(chunk.subarray(0, at));
    return at;
  }

  /** The LF of a CRLF that two chunks have torn apart. */
  #finishCrLf(chunk: Buffer, at: number): number {
    const isTorn = this.#afterCr && chunk[at] === LF;
    this.#afterCr = false;
    if (!isTorn) return 0;
    const lf = chunk.subarray(at, at + 1);
    if (this.#size === 0) this.push(lf);
    else this.#hold(lf);
    return 1;
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#size += bytes.length;
    if (this.#size > this.#maxEventBytes) {
      throw refuse('upstream_invalid', { expected: `events of at most ${this.#maxEventBytes} bytes` });
    }
    this.#parts.push(bytes);
  }

  /** Ends the event with `last` and sends it on. */
  #release(last: Buffer): void {
    this.#hold(last);
    const event = joined(this.#parts, Buffer.alloc(0));
    this.#parts = [];
    this.#size = 0;
    this.#hasFields = false;
    if (event.length > 0) this.push(rewriteEvent(event, this.#rewrite));
  }
}
