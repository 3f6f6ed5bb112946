// Around a test run: gives it a temporary folder of its own (TMPDIR), and afterwards looks for processes that still
// carry that folder in their environment, arguments or working directory. Nothing may outlive the run: leftovers are
// ended, named, and make the run fail. Works where /proc exists; elsewhere it only removes the folder.

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Leftover {
  readonly pid: number;
  readonly command: string;
}

export default function setup(): () => void {
  const outer = tmpdir();
  const folder = mkdtempSync(join(outer, 'portolan-run-'));
  chmodSync(folder, 0o755); // PostgreSQL as `nobody` must get through
  process.env.TMPDIR = folder;
  return () => {
    process.env.TMPDIR = outer;
    const left = leftovers(folder);
    for (const { pid } of left) kill(pid);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    if (left.length === 0) return;
    console.error(
      `\nThese processes outlived the tests and were ended:\n${left.map(({ pid, command }) => `  ${pid} ${command}`).join('\n')}`,
    );
    process.exitCode = 1;
  };
}

function leftovers(folder: string): Leftover[] {
  if (!existsSync('/proc/self/environ')) return [];
  const pids = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);
  return pids
    .filter((pid) => carries(pid, folder) && !isWorker(pid))
    .map((pid) => ({ pid, command: words(pid).slice(0, 160) }));
}

function carries(pid: number, folder: string): boolean {
  const texts = [() => read(pid, 'environ'), () => read(pid, 'cmdline'), () => readlinkSync(`/proc/${pid}/cwd`)];
  return texts.some((text) => quietly(text).includes(folder));
}

/** vitest ends its own workers and esbuild after the global set-up. */
function isWorker(pid: number): boolean {
  return parentOf(pid) === process.pid && /vitest|esbuild|rolldown/.test(words(pid));
}

function parentOf(pid: number): number {
  const stat = quietly(() => read(pid, 'stat'));
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function words(pid: number): string {
  return quietly(() => read(pid, 'cmdline'))
    .replaceAll('\0', ' ')
    .trim();
}

function read(pid: number, file: string): string {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8');
}

/** A process may end while it is looked at. */
function quietly(look: () => string): string {
  try {
    return look();
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself meanwhile
  }
}
