/**
 * What the kernel says a process has used: CPU time of all its threads (`/proc/<pid>/stat`, utime + stime, proc(5)) and
 * resident memory. Linux only. Resolution is one clock tick (10 ms as a rule), hence thousands of calls a reading.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { sum } from './percentiles.ts';

/** Ticks a second, from `getconf CLK_TCK`. */
export const readTickRate = (): number => Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** CPU ticks that the process has used since its start. Throws when it is gone: a dead process is no cheap one. */
export function cpuTicks(pid: number): number {
  const fields = statFields(pid);
  return Number(fields[11]) + Number(fields[12]); // fields 14 and 15 of proc(5), counted from the state
}

/** Waits until all of them together use at most one tick in `everyMs`; 50 such times at most, since an idle gateway still beats. */
export async function atRest(pids: readonly number[], everyMs: number, signal: AbortSignal): Promise<void> {
  const ticks = () => sum(pids.map(cpuTicks));
  for (let tries = 0, seen = ticks(); tries < 50; tries += 1) {
    await wait(everyMs, undefined, { signal });
    const now = ticks();
    if (now - seen <= 1) return;
    seen = now;
  }
}

/** Resident set in bytes. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no VmRSS: it has ended`);
  return Number(kilobytes) * 1024;
}

/** The process and all that descend from it: nginx's master and its workers. */
export function withDescendants(pid: number): number[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), parentOf(Number(name))]),
  );
  const family = [pid];
  for (const member of family) for (const [child, parent] of parents) if (parent === member) family.push(child);
  return family;
}

function parentOf(pid: number): number {
  try {
    return Number(statFields(pid)[1]);
  } catch {
    return 0; // it ended between the listing and this look
  }
}

/** The fields after the command's name, which may itself hold blanks and parentheses. */
function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
