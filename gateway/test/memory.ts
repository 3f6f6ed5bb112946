/** What this process holds, for tests of bounds; the collector is made to run first, so that garbage counts for nothing. */
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Bytes alive: of objects, and of buffers beside them, which are given back a little later. */
export async function aliveBytes(): Promise<number> {
  for (let i = 0; i < 4; i += 1) {
    collect();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export const residentBytes = (): number => process.memoryUsage.rss();

export const MB = 1024 * 1024;
