// One operation of the engine with compact progress: its event log (JSON lines) is followed, changes are told one a line,
// and of its own output nothing is shown unless it fails or `verbose` asks for it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Pulumi, withSettingsFile } from '../stack/index.ts';
import { CommandFailed } from './command-failed.ts';
import { type EngineNews, readEvent } from './engine-events.ts';

const followMs = 150;

export interface Outcome {
  /** How many resources the operation changed, by kind of step. Empty: nothing changed. */
  readonly changes: Readonly<Record<string, number>>;
  /** Names of the users that the program declares. */
  readonly users: readonly string[];
}

export interface EngineOptions {
  readonly verbose: boolean;
  /** Told as it happens: "+ gateway-aws". */
  readonly tell: (line: string) => void;
}

/** Throws CommandFailed with the engine's diagnostics when the operation fails. */
export async function runEngine(
  pulumi: Pulumi,
  operation: readonly string[],
  options: EngineOptions,
): Promise<Outcome> {
  const { place, command, env } = pulumi;
  const log = join(place.folder, 'events.json');
  await rm(log, { force: true });
  const flags = ['--yes', '--skip-preview', '--non-interactive', '--color', 'never', '--event-log', log];
  const args = withSettingsFile(place, [...operation, '--stack', place.name, ...flags]);
  const child = spawn(command, args, {
    cwd: place.checkout,
    env: { ...env, PULUMI_DEBUG_COMMANDS: 'true' }, // --event-log is hidden without it
    stdio: ['ignore', options.verbose ? 'inherit' : 'pipe', options.verbose ? 'inherit' : 'pipe'],
  });
  return finish(child, log, options);
}

async function finish(child: ChildProcess, log: string, options: EngineOptions): Promise<Outcome> {
  const output = collect(child);
  const release = passInterrupt(child);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const news = await follow(log, exited, options);
  const [code] = await exited;
  release();
  await rm(log, { force: true }); // it holds what the state holds; one copy is enough
  if (code === 0) return outcome(news);
  throw new CommandFailed(failure(news, output(), options));
}

function outcome(news: readonly EngineNews[]): Outcome {
  const users = news.filter((one) => one.kind === 'user').map(({ name }) => name);
  return { changes: news.findLast((one) => one.kind === 'summary')?.changes ?? {}, users: [...new Set(users)].sort() };
}

/** Reads what has been appended until the process has ended and all of it is read. */
async function follow(log: string, exited: Promise<unknown>, { tell }: EngineOptions): Promise<EngineNews[]> {
  const state = { running: true, at: 0 };
  const news: EngineNews[] = [];
  exited.then(() => {
    state.running = false;
  });
  for (let last = false; !last; ) {
    last = !state.running;
    const fresh = (await appended(log, state)).flatMap(readEvent);
    for (const one of fresh) if (one.kind === 'step') tell(one.line);
    news.push(...fresh);
    if (!last) await Promise.race([sleep(followMs), exited]);
  }
  return news;
}

async function appended(log: string, state: { at: number }): Promise<string[]> {
  const file = await open(log).catch(() => undefined);
  if (file === undefined) return []; // the engine has not come so far
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(size - state.at);
    await file.read(buffer, 0, buffer.length, state.at);
    // a line may be half written; a multi-byte character never is at a line's end
    const end = buffer.lastIndexOf(10) + 1;
    state.at += end;
    return buffer
      .subarray(0, end)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
  } finally {
    await file.close();
  }
}

function collect(child: ChildProcess): () => string {
  let text = '';
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-20_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => text;
}

/** Asked to stop, the engine finishes what is under way and writes its state; so this process waits for it. */
function passInterrupt(child: ChildProcess): () => void {
  const pass = () => {
    if (process.stdin.isTTY !== true) child.kill('SIGINT'); // on a terminal Ctrl-C has reached it already
  };
  process.on('SIGINT', pass);
  process.on('SIGTERM', pass);
  return () => {
    process.off('SIGINT', pass);
    process.off('SIGTERM', pass);
  };
}

function failure(news: readonly EngineNews[], output: string, { verbose }: EngineOptions): string {
  const errors = news.filter((one) => one.kind === 'error').map(({ text }) => text.trimEnd());
  const told = errors.length > 0 ? [...new Set(errors)].join('\n') : verbose ? '' : output.trim();
  return `${told}\n\nPulumi did not finish; what is done stays done, and running this again goes on from here.`;
}
