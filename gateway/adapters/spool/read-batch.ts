/**
 * Reads what is to be shipped: the next records of a segment as one NATS message, `SpooledRecord[]` as JSON, without parsing them.
 * A record that damage took is replaced by one that says so: the watermark could never pass a hole, and the audit shows the loss.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { damagedAuditRecord } from '@portolan/core';
import { frameJson, framePrefix, HEADER_BYTES, MAX_JSON_BYTES, nextFrame } from './frame.ts';
import type { Segment } from './segment.ts';

/** Where the next record is looked for. */
export interface Cursor {
  /** Index of the segment. */
  readonly index: number;
  readonly offset: number;
  readonly seq: number;
}

export interface ReadBatch {
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  readonly message: Buffer;
  readonly next: Cursor;
  /** The segment had more than this batch could take. */
  readonly more: boolean;
  /** Records that damage took. */
  readonly lost: number;
}

const MAX_RECORDS = 200;
/** A gateway may publish at most 256 KiB a message; one record more than this fits still. */
const MAX_BYTES = 128 * 1024;
const CHUNK_BYTES = MAX_BYTES + MAX_JSON_BYTES + HEADER_BYTES;
const COMMA = Buffer.from(',');

/** At most 200 records, and none after 128 KiB, from `cursor` on; undefined where the segment has no more. */
export async function readBatch(
  segment: Readonly<Segment>,
  cursor: Cursor,
  gateway: string,
): Promise<ReadBatch | undefined> {
  const { epoch, index, last, bytes } = segment;
  if (cursor.seq > last) return undefined;
  const prefix = framePrefix(epoch);
  const chunk = await readChunk(segment, cursor.offset);
  const pieces: Buffer[] = [];
  let [at, seq, size, lost] = [0, cursor.seq, 0, 0];
  while (seq <= last && pieces.length < MAX_RECORDS && size < MAX_BYTES) {
    const frame = nextFrame(chunk, at, prefix);
    if (!frame && cursor.offset + chunk.length < bytes) break;
    if (frame && frame.seq < seq) at = frame.end;
    else {
      const whole = frame?.seq === seq;
      const piece = whole ? chunk.subarray(frame.start, frame.end) : lostRecord(prefix, gateway, epoch, seq);
      pieces.push(piece);
      size += piece.length;
      seq += 1;
      if (whole) at = frame.end;
      else lost += 1;
    }
  }
  // nothing of interest in a whole chunk: go on behind it, but keep what may be the beginning of a frame
  const step = at > 0 ? at : Math.max(1, chunk.length - MAX_JSON_BYTES - HEADER_BYTES);
  if (pieces.length === 0) return readBatch(segment, { ...cursor, offset: cursor.offset + step }, gateway);
  const next = { index, offset: cursor.offset + at, seq };
  return { epoch, first: cursor.seq, last: seq - 1, message: asArray(pieces), next, more: seq <= last, lost };
}

async function readChunk({ path, bytes }: Readonly<Segment>, offset: number): Promise<Buffer> {
  const length = Math.min(CHUNK_BYTES, bytes - offset);
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(
      Buffer.allocUnsafe(Math.max(0, length)),
      0,
      Math.max(0, length),
      offset,
    );
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const asArray = (pieces: readonly Buffer[]): Buffer =>
  Buffer.concat([
    Buffer.from('['),
    ...pieces.flatMap((piece, at) => (at === 0 ? [piece] : [COMMA, piece])),
    Buffer.from(']'),
  ]);

/** Its id is the same at every try, so that a second delivery is recognised; its time is when the loss was found. */
function lostRecord(prefix: string, gateway: string, epoch: string, seq: number): Buffer {
  const hash = createHash('sha256').update(`${gateway}:${epoch}:${seq}`).digest('hex');
  const [a, b, c, d, e] = [
    [0, 8],
    [8, 12],
    [13, 16],
    [17, 20],
    [20, 32],
  ].map(([from, to]) => hash.slice(from, to));
  const record = damagedAuditRecord({
    timestamp: new Date().toISOString(),
    request_id: `${a}-${b}-8${c}-8${d}-${e}`,
    trace_id: hash.slice(32),
    gateway,
  });
  return Buffer.from(frameJson(prefix, seq, JSON.stringify(record)));
}
