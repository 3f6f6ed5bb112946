/**
 * Starts a process so that it outlives whoever started it: own session, output to its log, identity on disk at once.
 * Invariants: at most one process of a run file runs; a start that fails leaves none.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { endProcess } from './end-process.ts';
import { lastLines, type OpenLog, openLog } from './log-file.ts';
import { takenPorts } from './port-owner.ts';
import { type RunningProcess, runningProcess } from './process-table.ts';
import { waitUntilReady } from './readiness.ts';
import { type RunFile, readRunFile, removeRunFile, writeRunFile, writeWhole } from './run-file.ts';
import type { ProcessSpec } from './spec.ts';

/** Names the process, what went wrong, and the last lines of its log. */
export class ProcessFailed extends Error {}

const inherited = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'];
const prepareMs = 120_000;

/** Ends its own leftover, writes files, prepares, starts, and returns when it is ready. Throws ProcessFailed. */
export async function startProcess(spec: ProcessSpec, signal: AbortSignal): Promise<void> {
  await endLeftover(spec.runFile);
  await refuseTakenPorts(spec);
  for (const file of spec.files) writeWhole(file.path, file.content, Number.parseInt(file.mode, 8));
  for (const { command, args } of spec.prepare) await prepare(spec, [command, ...args], signal);
  const launched = await launch(spec);
  try {
    await ready(launched, spec, signal);
  } catch (error) {
    await endProcess(launched.run);
    removeRunFile(spec.runFile);
    throw new ProcessFailed(failure(spec, error, launched.log), { cause: error });
  }
}

/**
 * Ends the process of a run file and starts it as it was started last: nothing is written or prepared, so that it needs
 * no other part. A process that runs but is not ready in time is left running: it may wait for another part.
 */
export async function restartProcess(runFile: string, signal: AbortSignal): Promise<RunFile> {
  const { spec } = readRunFile(runFile) ?? missing(runFile);
  await endLeftover(runFile);
  await refuseTakenPorts(spec);
  const launched = await launch(spec);
  await ready(launched, spec, signal).catch((error: unknown) => {
    throw new ProcessFailed(failure(spec, error, launched.log), { cause: error });
  });
  return launched.run;
}

function missing(runFile: string): never {
  throw new ProcessFailed(`${runFile}: expected the run file of a process that has been started once.`);
}

async function endLeftover(runFile: string): Promise<void> {
  const leftover = readRunFile(runFile);
  if (leftover) await endProcess(leftover);
}

async function refuseTakenPorts({ name, listens }: ProcessSpec): Promise<void> {
  const taken = await takenPorts(listens);
  if (taken.length === 0) return;
  throw new ProcessFailed(`Process ${name}: ${taken.join('; ')}. End it, or give this process another port.`);
}

interface Launched {
  readonly child: ChildProcess;
  readonly run: RunFile;
  readonly log: OpenLog;
}

async function launch(spec: ProcessSpec): Promise<Launched> {
  const log = openLog(spec.logFile);
  try {
    const child = spawnLogged(spec, [spec.command, ...spec.args], log, true);
    const started = child.pid === undefined ? undefined : runningProcess(child.pid);
    if (!started) throw new ProcessFailed(failure(spec, await endOf(child), log));
    const run = recordOrKill(started, spec);
    child.unref();
    return { child, run, log };
  } finally {
    closeSync(log.fd);
  }
}

/** A process that nobody could find again must not run. */
function recordOrKill(started: RunningProcess, spec: ProcessSpec): RunFile {
  try {
    return writeRunFile(started, spec);
  } catch (error) {
    process.kill(-started.pid, 'SIGKILL');
    throw error;
  }
}

/** Whichever comes first: it answers, it ends, the operation is cancelled. */
async function ready({ child }: Launched, spec: ProcessSpec, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const ended = endOf(child).then((reason) => stop.abort(reason));
  await Promise.race([ended, waitUntilReady(spec.readiness, AbortSignal.any([signal, stop.signal]))]);
  stop.signal.throwIfAborted();
}

async function prepare(spec: ProcessSpec, line: readonly string[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const log = openLog(spec.logFile);
  try {
    const child = spawnLogged(spec, line, log, false);
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(prepareMs)]);
    const end = () => child.kill('SIGKILL');
    timeout.addEventListener('abort', end, { once: true });
    const reason = await endOf(child);
    timeout.removeEventListener('abort', end);
    if (child.exitCode !== 0) {
      const what = new Error(`its preparation \`${line.join(' ')}\` failed: ${reason.message}`);
      throw new ProcessFailed(failure(spec, what, log), { cause: reason });
    }
  } finally {
    closeSync(log.fd);
  }
}

function spawnLogged(spec: ProcessSpec, [command = '', ...args]: readonly string[], log: OpenLog, detached: boolean) {
  return spawn(command, args, {
    cwd: spec.cwd,
    env: environment(spec),
    stdio: ['ignore', log.fd, log.fd],
    detached, // a session of its own: neither a closed terminal nor the engine's end reaches it
  });
}

/** Never the whole of ours: it names the stack's passphrase file, and CI puts tokens there. */
function environment(spec: ProcessSpec): Record<string, string | undefined> {
  return { ...Object.fromEntries(inherited.map((name) => [name, process.env[name]])), ...spec.env };
}

/** Why the child is not running, once it is not. */
function endOf(child: ChildProcess): Promise<Error> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(endReason(child));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(new Error(`it cannot be run: ${error.message}`, { cause: error })));
    child.once('exit', () => resolve(endReason(child)));
  });
}

function endReason({ exitCode, signalCode }: ChildProcess): Error {
  return new Error(signalCode ? `it was ended by ${signalCode}` : `it ended with exit code ${exitCode}`);
}

function failure(spec: ProcessSpec, error: unknown, log: OpenLog): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `Process ${spec.name}: ${reason}. Last lines of ${spec.logFile}:\n${lastLines(spec.logFile, log.from)}`;
}
