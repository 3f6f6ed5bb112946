// The processes of a local stack as their run files tell (docs/architecture.md "Local stack"). Reading and asking only;
// starting and ending them is the provider's, by its two commands.

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import type { StackPlace } from '../stack/index.ts';
import { isAlive } from '../start/lock.mjs';
import { CommandFailed } from './command-failed.ts';

const RunFile = z.object({
  name: z.string(),
  pid: z.int(),
  startTime: z.string(),
  logFile: z.string(),
  spec: z.object({
    listens: z.array(z.string()).default([]),
    readiness: z.union([
      z.object({ kind: z.literal('http'), url: z.string() }),
      z.object({ kind: z.literal('tcp'), host: z.string(), port: z.int() }),
    ]),
  }),
});

export interface LocalProcess extends z.output<typeof RunFile> {
  readonly runFile: string;
}

const answerMs = 2_000;

/** In the order of their names. */
export async function localProcesses(place: StackPlace): Promise<readonly LocalProcess[]> {
  const folder = join(place.folder, 'run');
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).sort();
  const read = await Promise.all(names.map((name) => readRunFile(join(folder, name))));
  return read.filter((found) => found !== undefined);
}

async function readRunFile(path: string): Promise<LocalProcess | undefined> {
  try {
    return { ...RunFile.parse(JSON.parse(await readFile(path, 'utf8'))), runFile: path };
  } catch {
    return undefined; // it ended and was tidied up meanwhile
  }
}

/** Another process may have its pid by now, and one that nobody reaps is still in the table. */
export async function isRunning({ pid, startTime }: LocalProcess): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return process.platform !== 'linux' && isAlive(pid);
  // proc_pid_stat(5): after the name in brackets come field 3, the state, and 19 fields later the start time
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return !'ZX'.includes(fields[0] ?? 'X') && fields[19] === startTime;
}

/** Whether it answers as it promised when it was started. */
export function isReady({ spec: { readiness } }: LocalProcess): Promise<boolean> {
  return readiness.kind === 'http' ? answersHttp(readiness.url) : accepts(readiness.host, readiness.port);
}

/** The provider's command: ends the group, starts it as it was started last. Throws CommandFailed, or the signal's reason. */
export function restart(checkout: string, one: LocalProcess, signal: AbortSignal): Promise<string> {
  return providerCommand(checkout, 'restart-process.ts', one, signal);
}

/** The provider's command: ends the group and removes the run file. Throws CommandFailed, or the signal's reason. */
export function end(checkout: string, one: LocalProcess, signal: AbortSignal): Promise<string> {
  return providerCommand(checkout, 'end-process.ts', one, signal);
}

function providerCommand(
  checkout: string,
  file: string,
  { runFile }: LocalProcess,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [join(checkout, 'provider', file), runFile], { signal }, (error, stdout, stderr) => {
      if (signal.aborted) reject(signal.reason);
      else if (error === null) resolve(stdout.trim());
      else reject(new CommandFailed(stderr.trim() || error.message));
    });
  });
}

function answersHttp(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: answerMs }, (response) => {
      response.resume();
      resolve(response.statusCode !== undefined && response.statusCode < 300);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: answerMs });
    const settle = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.on('connect', () => settle(true));
    socket.on('timeout', () => settle(false));
    socket.on('error', () => settle(false));
  });
}
