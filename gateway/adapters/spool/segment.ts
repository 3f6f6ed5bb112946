/**
 * The files of a spool: `<index>-<epoch>-<first seq>.spool`, each with records of one epoch in order of seq. At start they are read
 * whole once; a torn tail (the write that a kill cut off) is cut away, damage in the middle stays and is accounted for when it is shipped.
 */
import { mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { framePrefix, nextFrame } from './frame.ts';

/** A file of the spool. Only the newest is written to; `bytes` and `last` grow there alone. */
export interface Segment {
  readonly path: string;
  readonly index: number;
  readonly epoch: string;
  readonly first: number;
  /** Highest seq that belongs here, also where damage took its record; `first - 1` while empty. */
  last: number;
  bytes: number;
}

const NAME = /^(\d{12})-([0-9a-f]{16})-(\d{1,16})\.spool$/;

export const segmentPath = (folder: string, index: number, epoch: string, first: number): string =>
  join(folder, `${String(index).padStart(12, '0')}-${epoch}-${first}.spool`);

/** Reads the folder (made if missing), cuts torn tails, answers the segments oldest first. */
export async function recoverSegments(folder: string): Promise<Segment[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = (await readdir(folder)).filter((name) => NAME.test(name)).sort();
  const segments: Segment[] = [];
  for (const name of names) segments.push(await recoverSegment(folder, name));
  // damage at the end of a file looks like a torn tail: that more of its epoch follows tells them apart
  for (const [at, segment] of segments.entries()) {
    const next = segments[at + 1];
    if (next?.epoch === segment.epoch) segment.last = next.first - 1;
  }
  const empty = segments.filter(({ first, last }) => last < first);
  for (const { path } of empty) await unlink(path);
  return segments.filter((segment) => !empty.includes(segment));
}

async function recoverSegment(folder: string, name: string): Promise<Segment> {
  const [, index = '', epoch = '', first = ''] = NAME.exec(name) ?? [];
  const path = join(folder, name);
  const content = await readFile(path);
  const { end, last } = wholeUpTo(content, framePrefix(epoch));
  if (end < content.length) await cut(path, end);
  return { path, index: Number(index), epoch, first: Number(first), last: last ?? Number(first) - 1, bytes: end };
}

function wholeUpTo(content: Buffer, prefix: string): { readonly end: number; readonly last: number | undefined } {
  let end = 0;
  let last: number | undefined;
  for (let frame = nextFrame(content, 0, prefix); frame; frame = nextFrame(content, end, prefix)) {
    end = frame.end;
    last = frame.seq;
  }
  return { end, last };
}

async function cut(path: string, length: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.truncate(length);
    await file.datasync();
  } finally {
    await file.close();
  }
}
