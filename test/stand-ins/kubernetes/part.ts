/** One process of a cluster. Invariants: it is ended by its pid; what it says is in its log alone; its death is told with the log's end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const tailLines = 12;
const graceMs = 5_000;
const pidsFile = 'pids';

export interface Part {
  readonly name: string;
  /** Throws an Error with the end of the log when it has ended. */
  assertAlive(): void;
  stop(): Promise<void>;
}

interface PartArgs {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly cwd: string;
}

export function startPart({ name, program, args, logFile, cwd }: PartArgs): Part {
  const log = openSync(logFile, 'a', 0o600);
  // of this process's environment nothing but what a Go program needs: a KUBECONFIG of the user's must not be read
  const env = { PATH: process.env.PATH, HOME: cwd, TMPDIR: cwd };
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', log, log] });
  closeSync(log);
  appendFileSync(join(cwd, pidsFile), `${child.pid ?? ''}\n`);
  let failed: Error | undefined;
  child.on('error', (error) => {
    failed = error;
  });
  return {
    name,
    assertAlive: () => {
      if (failed) throw new Error(`${name} could not be started: ${failed.message}`);
      if (ended(child)) throw new Error(`${name} ended (${child.signalCode ?? child.exitCode}):\n${tail(logFile)}`);
    },
    stop: () => stop(child),
  };
}

/**
 * Ends all parts in `folder` and removes it when this process has gone without doing so: killed, as a test's worker may be.
 * Returns how to end the guard itself.
 */
export function guard(folder: string): () => void {
  const script = `while kill -0 "$1" 2>/dev/null; do sleep 1; done; kill -9 $(cat "$2/${pidsFile}"); rm -rf "$2"`;
  const args = ['-c', script, 'guard', String(process.pid), folder];
  const child = spawn('sh', args, { detached: true, stdio: 'ignore' });
  child.unref();
  let isOver = false;
  return () => {
    if (!isOver && child.pid !== undefined && !ended(child)) process.kill(-child.pid, 'SIGKILL');
    isOver = true;
  };
}

/** Polls until `check` answers true; throws with the last words of whoever of `parts` died, or at the end of time. */
export async function untilTrue(what: string, parts: readonly Part[], check: () => Promise<boolean>, ms = 120_000) {
  const deadline = Date.now() + ms;
  let last = '';
  for (;;) {
    for (const part of parts) part.assertAlive();
    const done = await check().catch((error: unknown) => {
      last = `; last: ${error instanceof Error ? error.message : String(error)}`;
      return false;
    });
    if (done) return;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms / 1000} s${last}`);
    await delay(50);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || ended(child)) return;
  const end = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await end;
  clearTimeout(killer);
}

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

function tail(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-tailLines);
  return lines.map((line) => `  ${line.slice(0, 400)}`).join('\n');
}
