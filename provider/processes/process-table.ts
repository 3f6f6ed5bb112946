/**
 * What the operating system knows of running processes: Linux by /proc, macOS by ps.
 * Invariant: a zombie counts as ended, because nobody may ever reap it (a container whose first process does not).
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface RunningProcess {
  readonly pid: number;
  readonly group: number;
  /** Not told by macOS. */
  readonly session?: number;
  /** It will do nothing more, but may still hold its ports. */
  readonly isEnding: boolean;
  /** Equal for the same process, different for a later one with the same pid; opaque. */
  readonly startTime: string;
}

/** Identity of this boot of the machine; pids and start times mean nothing across it. */
export function bootId(): string {
  if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim();
}

/** undefined: there is none, or it has ended. */
export function runningProcess(pid: number): RunningProcess | undefined {
  return process.platform === 'linux' ? readStat(pid) : listByPs(['-p', String(pid)])[0];
}

/**
 * Processes of a group that leads its own session, that have not ended. A shell's job may bear the same number once the
 * group is gone; it has another session.
 */
export function sessionGroup(group: number): RunningProcess[] {
  if (!groupExists(group)) return [];
  return everyProcess().filter((one) => one.group === group && (one.session ?? group) === group);
}

/** Command line for people, cut to 120 characters; the bare pid where it cannot be read. */
export function describeProcess(pid: number): string {
  const line = commandLine(pid);
  return line === '' ? `process ${pid}` : `process ${pid} (${line.slice(0, 120)})`;
}

function groupExists(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function everyProcess(): RunningProcess[] {
  if (process.platform !== 'linux') return listByPs(['-A']);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => readStat(Number(pid))).filter((found) => found !== undefined);
}

function readStat(pid: number): RunningProcess | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined; // it has ended
  }
}

/** proc_pid_stat(5). The second field is the name in brackets and may hold blanks and brackets itself. */
export function parseStat(text: string): RunningProcess | undefined {
  const [state, , group, session, ...more] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [threads, startTime] = [more[13], more[15]]; // fields 20, 22
  if (state === undefined || startTime === undefined) return undefined;
  // the first thread may be a zombie while others still hold the ports
  const isEnding = 'ZXx'.includes(state);
  if (isEnding && Number(threads) <= 1) return undefined;
  return { pid: Number.parseInt(text, 10), group: Number(group), session: Number(session), startTime, isEnding };
}

function listByPs(selection: readonly string[]): RunningProcess[] {
  try {
    const args = [...selection, '-o', 'pid=,pgid=,stat=,lstart='];
    const text = execFileSync('ps', args, { encoding: 'utf8', env: { PATH: process.env.PATH, LC_ALL: 'C' } });
    return text.split('\n').flatMap(parsePsLine);
  } catch {
    return []; // ps fails when there is no such process
  }
}

/** `  123   123 Ss   Fri Nov 21 12:42:00 2025` */
export function parsePsLine(line: string): RunningProcess[] {
  const [, pid, group, state, startTime] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line) ?? [];
  if (!pid || !group || !state || !startTime || state.startsWith('Z')) return [];
  return [{ pid: Number(pid), group: Number(group), startTime, isEnding: false }];
}

function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}
