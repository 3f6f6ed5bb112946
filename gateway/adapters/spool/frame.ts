/**
 * How records lie in a spool file: `[length u32 LE][CRC-32 of the JSON, u32 LE][JSON of a SpooledRecord]`, one after the other.
 * Pure functions over bytes. Invariant: whatever bytes are given (torn, flipped, zeros), only what was written whole is read.
 */
import { crc32 } from 'node:zlib';

export const HEADER_BYTES = 8;
export const MAX_JSON_BYTES = 64 * 1024;

/** A frame whose JSON lies in `[start, end)`. */
export interface Frame {
  readonly start: number;
  readonly end: number;
  readonly seq: number;
}

/** The text between a record's place and its JSON; `frameJson` and `seqIn` must agree on it. */
export const framePrefix = (epoch: string): string => `{"epoch":"${epoch}","seq":`;
const AFTER_SEQ = ',"record":';
const OPENING = Buffer.from('{"epoch":"');

export const frameJson = (prefix: string, seq: number, record: string): string =>
  `${prefix}${seq}${AFTER_SEQ}${record}}`;

/** Writes one frame at `at`; answers where it ends. The caller gives room for `HEADER_BYTES + 3 × json.length`. */
export function writeFrame(target: Buffer, at: number, json: string): number {
  const start = at + HEADER_BYTES;
  const length = target.write(json, start);
  target.writeUInt32LE(length, at);
  target.writeUInt32LE(crc32(target.subarray(start, start + length)), at + 4);
  return start + length;
}

/** The frame at `at` of this epoch, or undefined where none is whole there. */
export function frameAt(bytes: Buffer, at: number, prefix: string): Frame | undefined {
  const start = at + HEADER_BYTES;
  if (at < 0 || start > bytes.length) return undefined;
  const end = start + bytes.readUInt32LE(at);
  if (end - start > MAX_JSON_BYTES || end > bytes.length) return undefined;
  if (crc32(bytes.subarray(start, end)) !== bytes.readUInt32LE(at + 4)) return undefined;
  // the prefix counts too: a run of zeros, which a power cut leaves, has a right checksum and no record
  const seq = seqIn(bytes, start, prefix);
  return seq === undefined ? undefined : { start, end, seq };
}

/** The first whole frame at or after `at`: past a damaged one, the next is found by its opening. */
export function nextFrame(bytes: Buffer, at: number, prefix: string): Frame | undefined {
  const here = frameAt(bytes, at, prefix);
  if (here) return here;
  for (let opening = bytes.indexOf(OPENING, at); opening >= 0; opening = bytes.indexOf(OPENING, opening + 1)) {
    const found = opening - HEADER_BYTES >= at ? frameAt(bytes, opening - HEADER_BYTES, prefix) : undefined;
    if (found) return found;
  }
  return undefined;
}

/** Digits are read by hand: this runs once a record that is shipped. */
function seqIn(bytes: Buffer, start: number, prefix: string): number | undefined {
  const from = start + prefix.length;
  if (bytes.toString('latin1', start, from) !== prefix) return undefined;
  let seq = 0;
  let at = from;
  for (let digit = (bytes[at] ?? 0) - 48; digit >= 0 && digit <= 9; digit = (bytes[at] ?? 0) - 48) {
    seq = seq * 10 + digit;
    at += 1;
  }
  return at > from && Number.isSafeInteger(seq) ? seq : undefined;
}
