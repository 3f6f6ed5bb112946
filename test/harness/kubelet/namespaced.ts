/**
 * A Node program of this harness as the first process of namespaces of its own: network, mounts, processes. When it ends, or
 * whoever started it, all that runs in it, all its links, addresses and mounts end with it: nothing of it is ever visible outside.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Namespaced {
  /** Of the first process in it, as seen from here. */
  readonly pid: number;
  send(message: object): void;
  /** Next message that `wanted` takes. Rejects with the end of the log when the process has ended. */
  next<T extends object>(wanted: (message: T) => boolean): Promise<T>;
  stop(): Promise<void>;
}

export interface NamespacedArgs {
  /** Beside this file. */
  readonly program: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly log: string;
}

export async function startNamespaced({ program, args, folder, log }: NamespacedArgs): Promise<Namespaced> {
  const out = openSync(join(folder, log), 'a', 0o600);
  const enter = [
    '--pdeathsig',
    'KILL',
    'unshare',
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
  ];
  const whole = [...enter, process.execPath, join(import.meta.dirname, program), ...args];
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', TMPDIR: folder };
  const child = spawn('setpriv', whole, { cwd: folder, env, stdio: ['ignore', out, out, 'ipc'] });
  const messages = new Messages(child, join(folder, log));
  await messages.next(({ kind }: { kind?: string }) => kind === 'up');
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')[0]);
  return {
    pid,
    send: (message) => void (child.connected && child.send(message)),
    next: (wanted) => messages.next(wanted),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const end = once(child, 'exit');
      process.kill(pid, 'SIGKILL');
      await end;
    },
  };
}

class Messages {
  readonly #waiting = new Set<(message: object | undefined) => void>();
  readonly #child: ChildProcess;
  readonly #log: string;

  constructor(child: ChildProcess, log: string) {
    this.#child = child;
    this.#log = log;
    const tell = (message: object | undefined) => {
      for (const one of [...this.#waiting]) one(message);
    };
    child.on('message', (message: object) => tell(message));
    child.on('exit', () => tell(undefined));
    child.on('error', () => tell(undefined));
  }

  next<T extends object>(wanted: (message: T) => boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = () => this.#child.exitCode !== null || this.#child.signalCode !== null;
      const take = (message: object | undefined) => {
        if (message !== undefined && !wanted(message as T)) return;
        this.#waiting.delete(take);
        if (message !== undefined) resolve(message as T);
        else reject(new Error(`${this.#log}:\n${readFileSync(this.#log, 'utf8').slice(-3_000)}`));
      };
      this.#waiting.add(take);
      if (ended()) take(undefined);
    });
  }
}

/** `ip` and the like, in the network namespace of a process. */
export function inNetworkOf(pid: number, ...argv: string[]): void {
  execFileSync('nsenter', ['-t', String(pid), '-n', ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** For programs that run in such namespaces: whoever started them is told, and hears no more when they end. */
export function tell(message: object): void {
  process.send?.(message);
}
