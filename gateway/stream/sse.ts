/**
 * Reads a server-sent event stream (WHATWG HTML §9.2) as it passes, and lets a function replace the data of single events.
 * What it leaves alone goes on byte for byte: line ends, comments, ids, retry, BOM. Each event goes on as soon as its blank line is there,
 * a comment between events at once.
 * Invariant: holds at most one event, at most `maxEventBytes`; no data line gets past the function, not even one that the stream cuts off.
 */
import { Transform, type TransformCallback } from 'node:stream';
import { refuse } from '@portolan/core';

/** Gets the data of an event, its lines joined by LF. Undefined: leave the event as it is. What it throws ends the stream with that error. */
export type RewriteData = (data: Buffer) => Buffer | undefined;

export interface SseOptions {
  /** Cap of one event, framing included. Default 4 MiB; over it the stream ends with `upstream_invalid`. */
  readonly maxEventBytes?: number;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const DATA = Buffer.from('data');
const NEWLINE = Buffer.from('\n');

interface Line {
  readonly start: number;
  /** Where its text ends. */
  readonly end: number;
  /** Where the next line starts. */
  readonly next: number;
}

function lineAt(bytes: Buffer, start: number): Line {
  let end = start;
  while (end < bytes.length && bytes[end] !== LF && bytes[end] !== CR) end += 1;
  const both = bytes[end] === CR && bytes[end + 1] === LF;
  return { start, end, next: Math.min(end + (both ? 2 : 1), bytes.length) };
}

/** The value of a data line; undefined for any other line. */
function dataOf(bytes: Buffer, line: Line): Buffer | undefined {
  const afterName = line.start + DATA.length;
  if (afterName > line.end || DATA.compare(bytes, line.start, afterName) !== 0) return undefined;
  if (afterName === line.end) return bytes.subarray(afterName, line.end);
  if (bytes[afterName] !== COLON) return undefined;
  return bytes.subarray(afterName + (bytes[afterName + 1] === SPACE ? 2 : 1), line.end);
}
