/** A process's log: opened for appending, kept below 2 × 10 MB, and its last lines for an error message. */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const largestBytes = 10 * 1024 * 1024;
const tailBytes = 8 * 1024;
const tailLines = 15;

export interface OpenLog {
  readonly fd: number;
  /** Length before this start: what came before is another run's. */
  readonly from: number;
}

/** A log that has grown too long becomes `<path>.1`. The caller closes `fd`. */
export function openLog(path: string): OpenLog {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > largestBytes) renameSync(path, `${path}.1`);
  const fd = openSync(path, 'a', 0o600);
  return { fd, from: fstatSync(fd).size };
}

/** The last lines written since `from`, indented; a sentence where there are none. */
export function lastLines(path: string, from: number): string {
  const lines = readFrom(path, from).trimEnd().split('\n').slice(-tailLines);
  return lines.join('') === '' ? `  (${path} holds nothing)` : lines.map((line) => `  ${line}`).join('\n');
}

function readFrom(path: string, from: number): string {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(from, size - tailBytes);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    readSync(fd, buffer, 0, buffer.length, start);
    return buffer.toString('utf8');
  } finally {
    closeSync(fd);
  }
}
