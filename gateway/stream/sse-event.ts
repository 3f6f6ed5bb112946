/** Frames a message of our own, or one that came without a frame, as an event (WHATWG HTML §9.2.6). */
import { LineEnds } from './line-ends.ts';

const FIELD = Buffer.from('data: ');
const NEWLINE = Buffer.from('\n');
const BLANK = Buffer.from('\n\n');
const CR = 0x0d;
const LF = 0x0a;

/** `data` as the data lines of one event, each ended by `lineEnd` but for the last, which ends as `lastEnd`. */
export function dataLines(data: Buffer, lineEnd: Buffer, lastEnd: Buffer): Buffer {
  const ends = new LineEnds(data);
  const parts: Buffer[] = [];
  let start = 0;
  for (let end = ends.next(0); end !== undefined; end = ends.next(start)) {
    parts.push(FIELD, data.subarray(start, end), lineEnd);
    start = data[end] === CR && data[end + 1] === LF ? end + 2 : end + 1;
  }
  return Buffer.concat([...parts, FIELD, data.subarray(start), lastEnd]);
}

/** One whole event, its blank line included. */
export const sseEvent = (message: Buffer): Buffer => dataLines(message, NEWLINE, BLANK);
