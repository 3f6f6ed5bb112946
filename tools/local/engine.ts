// One operation of the engine with compact progress: its event log (JSON lines) is followed, changes are told one a line,
// and of its own output nothing is shown unless it fails or `verbose` asks for it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Pulumi, withSettingsFile } from '../stack/index.ts';
import { progress } from '../start/progress.mjs';
import { type Change, type EngineNews, readEvent } from './engine-events.ts';
import { engineFailure } from './engine-failure.ts';

const followMs = 150;

export interface Outcome {
  /** How many of the told changes there were of each kind. Empty: nothing changed. */
  readonly changes: Readonly<Partial<Record<Change, number>>>;
  /** Names of the users that the program declares. */
  readonly users: readonly string[];
}

export interface EngineOptions {
  readonly verbose: boolean;
  /** Shown with the seconds until there is a change to tell. */
  readonly beginning: string;
  /** Told as it happens: "+ gateway-aws". */
  readonly tell: (line: string) => void;
  /** The engine is asked to stop: it finishes what is under way and writes its state. */
  readonly signal: AbortSignal;
}

/** Throws EngineFailed with the engine's diagnostics when the operation fails, the signal's reason when it was stopped. */
export async function runEngine(
  pulumi: Pulumi,
  operation: readonly string[],
  options: EngineOptions,
): Promise<Outcome> {
  options.signal.throwIfAborted();
  const { place, command, env } = pulumi;
  const log = join(place.folder, 'events.json');
  await rm(log, { force: true });
  const flags = ['--yes', '--skip-preview', '--non-interactive', '--color', 'never', '--event-log', log];
  const args = withSettingsFile(place, [...operation, '--stack', place.name, ...flags]);
  const child = spawn(command, args, {
    cwd: place.checkout,
    detached: true, // what is sent to our whole group, Ctrl-C too, reaches it once: from passInterrupt
    env: { ...env, PULUMI_DEBUG_COMMANDS: 'true' }, // --event-log is hidden without it
    stdio: ['ignore', options.verbose ? 'inherit' : 'pipe', options.verbose ? 'inherit' : 'pipe'],
  });
  return finish(child, log, place.checkout, options);
}

async function finish(child: ChildProcess, log: string, checkout: string, options: EngineOptions): Promise<Outcome> {
  const output = collect(child);
  const release = passInterrupt(child, options.signal);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const news = await follow(log, exited, options);
  const [code] = await exited;
  release();
  await rm(log, { force: true }); // it holds what the state holds; one copy is enough
  options.signal.throwIfAborted();
  if (code === 0) return outcome(news);
  throw engineFailure(news, output(), checkout);
}

function outcome(news: readonly EngineNews[]): Outcome {
  const users = news.filter((one) => one.kind === 'user').map(({ name }) => name);
  const changes: Partial<Record<Change, number>> = {};
  for (const one of news) {
    if (one.kind === 'step' && one.change !== 'failed') changes[one.change] = (changes[one.change] ?? 0) + 1;
  }
  return { changes, users: [...new Set(users)].sort() };
}

/** Reads what has been appended until the process has ended and all of it is read. */
async function follow(log: string, exited: Promise<unknown>, options: EngineOptions): Promise<EngineNews[]> {
  const tell = telling(options);
  const state = { running: true, at: 0 };
  const news: EngineNews[] = [];
  exited.then(() => {
    state.running = false;
  });
  for (let last = false; !last; ) {
    last = !state.running;
    const fresh = (await appended(log, state)).flatMap(readEvent);
    for (const one of fresh) if (one.kind === 'step') tell.line(one.line);
    news.push(...fresh);
    if (!last) await Promise.race([sleep(followMs), exited]);
  }
  tell.end();
  return news;
}

/** Until the first line there is only the time that passes. */
function telling({ beginning, tell, verbose }: EngineOptions) {
  let shown = verbose ? undefined : progress(beginning);
  const end = () => {
    shown?.stop();
    shown = undefined;
  };
  const line = (text: string) => {
    end();
    tell(text);
  };
  return { line, end };
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

/**
 * Asked to stop, the engine finishes what is under way and writes its state; so this process waits for it. Where it ends
 * all the same, having been asked again, so is the engine, which then ends at once.
 */
function passInterrupt(child: ChildProcess, signal: AbortSignal): () => void {
  const ask = () => child.kill('SIGINT');
  const pass = () => {
    ask();
    console.error('Pulumi was asked to stop; it finishes what is under way.');
  };
  signal.addEventListener('abort', pass, { once: true });
  process.once('exit', ask);
  return () => {
    signal.removeEventListener('abort', pass);
    process.off('exit', ask);
  };
}
