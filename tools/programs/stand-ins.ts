// The stand-ins of a stack as one process (test/stand-ins/main.ts) that outlives this command: a real API server for each
// cluster, and a control plane's API from memory. `down` ends it. Its log and its files lie in .portolan/<stack>/stand-ins/.

import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFailed } from '../local/command-failed.ts';
import type { StackPlace } from '../stack/index.ts';
import { isAlive } from '../start/lock.mjs';
import { progress } from '../start/progress.mjs';
import type { ProgramSettings } from './settings.ts';
import { StandIns } from './stand-in-settings.ts';

const pollMs = 200;

const folderOf = ({ folder }: StackPlace): string => join(folder, 'stand-ins');

/** Those that run; undefined where none do. */
export async function runningStandIns(place: StackPlace): Promise<StandIns | undefined> {
  const text = await readFile(join(folderOf(place), 'ready.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const standIns = StandIns.parse(JSON.parse(text));
  return isAlive(standIns.pid) ? standIns : undefined;
}

/** Starts them, unless they run. */
export async function startStandIns(
  place: StackPlace,
  settings: ProgramSettings,
  signal: AbortSignal,
): Promise<StandIns> {
  const folder = folderOf(place);
  const running = await runningStandIns(place);
  const wanted = JSON.stringify(needsOf(settings));
  if (running && (await readFile(join(folder, 'needs.json'), 'utf8')) === wanted) return running;
  if (running)
    throw new CommandFailed(
      `Sites, planes or storage classes of stack ${place.name} have changed since its stand-ins were started. \`npm run down -- --stack ${place.name} --stand-ins\`, then again.`,
    );
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, 'settings.json'), JSON.stringify(settings));
  await writeFile(join(folder, 'needs.json'), wanted);
  const log = await open(join(folder, 'log'), 'a', 0o600);
  const main = join(place.checkout, 'test', 'stand-ins', 'main.ts');
  const child = spawn(process.execPath, [main, '--folder', folder], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  child.unref();
  const shown = progress('  API servers start');
  try {
    for (;;) {
      signal.throwIfAborted();
      const standIns = await runningStandIns(place);
      if (standIns) return standIns;
      if (child.exitCode !== null) throw new CommandFailed(await failure(folder));
      await sleep(pollMs);
    }
  } catch (error) {
    child.kill('SIGTERM');
    throw error;
  } finally {
    shown.stop();
  }
}

/** What stand-ins are made for. */
function needsOf({ sites, control, gateways }: ProgramSettings): unknown {
  const places = Object.entries(gateways).map(([name, { site }]) => [name, site]);
  const clusters = Object.entries(sites).map(([name, { ingress, storageClass, monitoring }]) => [
    name,
    ingress.class,
    storageClass,
    monitoring,
  ]);
  return { control: [control.site, control.url], places, clusters };
}

/** Ends them, and waits until they have tidied up. */
export async function stopStandIns(place: StackPlace): Promise<void> {
  const running = await runningStandIns(place);
  if (running === undefined) return;
  process.kill(running.pid, 'SIGTERM');
  while (isAlive(running.pid)) await sleep(pollMs);
}

async function failure(folder: string): Promise<string> {
  const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
  return `The stand-ins did not start:\n${log.trim().split('\n').slice(-15).join('\n')}`;
}
