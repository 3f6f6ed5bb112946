// What a test run leaves behind: processes that carry the run's own folder (its TMPDIR) in their environment, arguments or
// working directory. Works where /proc exists; elsewhere nothing is found.

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Leftover {
  readonly pid: number;
  /** Command line, cut to 160 characters. */
  readonly command: string;
}

export function leftovers(folder: string): readonly Leftover[] {
  if (!existsSync('/proc/self/environ')) return [];
  const pids = readdirSync('/proc').map(Number);
  const left = pids.filter((pid) => pid > 0 && pid !== process.pid && carries(pid, folder));
  return left.map((pid) => ({ pid, command: commandLine(pid) }));
}

/** Those that end by themselves meanwhile are no failure of ours. */
export function endAll(found: readonly Leftover[]): void {
  for (const { pid } of found) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function carries(pid: number, folder: string): boolean {
  const looks = [() => read(pid, 'environ'), () => read(pid, 'cmdline'), () => readlinkSync(`/proc/${pid}/cwd`)];
  return looks.some((look) => quietly(look).includes(folder));
}

function commandLine(pid: number): string {
  return quietly(() => read(pid, 'cmdline'))
    .replaceAll('\0', ' ')
    .trim()
    .slice(0, 160);
}

function read(pid: number, file: string): string {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8');
}

/** A process may end while it is looked at, or be another user's. */
function quietly(look: () => string): string {
  try {
    return look();
  } catch {
    return '';
  }
}
