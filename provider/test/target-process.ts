/**
 * A small real process for tests, and the inputs of a `Process` that runs it: an HTTP server that can be told to start
 * slowly, to die, to ignore SIGTERM, or to have a child of its own.
 */
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess, readRunFile } from '../processes/index.ts';
import type { Properties } from '../wire.ts';

const source = `
import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
const { PORT, DIE, DEAF, CHILD, GREETING = 'hello' } = process.env;
console.log('target says', GREETING);
if (DIE) { console.error('target dies of', DIE); process.exit(7); }
if (DEAF) process.on('SIGTERM', () => {});
if (CHILD) spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' }).unref();
createServer((request, response) => {
  response.statusCode = request.url === '/readyz' ? 200 : 404;
  response.end(JSON.stringify({ greeting: GREETING, pid: process.pid, env: Object.keys(process.env) }));
}).listen(Number(PORT), '127.0.0.1');
`;

export interface Target {
  readonly dir: string;
  readonly port: number;
  readonly runFile: string;
  readonly logFile: string;
  /** Inputs of a `Process`; `change` goes over them. */
  readonly inputs: (change?: Properties) => Properties;
}

export async function makeTarget(name = 'target'): Promise<Target> {
  const dir = mkdtempSync(join(tmpdir(), 'portolan-process-'));
  const port = await freePort();
  const script = join(dir, 'target.mjs');
  writeFileSync(script, source);
  const [runFile, logFile] = [join(dir, 'run', `${name}.json`), join(dir, 'logs', `${name}.log`)];
  const inputs = (change: Properties = {}): Properties => ({
    name,
    command: process.execPath,
    args: [script],
    env: { PORT: String(port) },
    cwd: dir,
    listens: [`127.0.0.1:${port}`],
    readiness: { kind: 'http', url: `http://127.0.0.1:${port}/readyz`, timeoutSeconds: 20 },
    logFile,
    runFile,
    ...change,
  });
  return { dir, port, runFile, logFile, inputs };
}

/** Ends what still runs of it, and leaves no file. */
export async function removeTarget({ dir, runFile }: Target): Promise<void> {
  const run = readRunFile(runFile);
  if (run) await endProcess(run);
  rmSync(dir, { recursive: true, force: true });
}

/** Below those that the kernel gives away: one of them may be taken by the engine's own connections before the target listens. */
export async function freePort(): Promise<number> {
  const port = randomInt(22_000, 32_000);
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
  return free ? port : freePort();
}

export function pidOf({ runFile }: Target): number {
  return Number(JSON.parse(readFileSync(runFile, 'utf8')).pid);
}

/** False for a zombie too, once all its threads have ended and its ports are free. */
export function runs(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return !'ZX'.includes(fields[0] ?? 'Z') || Number(fields[17]) > 1;
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`did not happen within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
