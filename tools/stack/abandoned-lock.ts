// A killed CLI leaves a lock in the file backend that refuses the next `up`. This finds out whether the holder is still
// alive, and cancels the lock when it is not. The lock of a living CLI is never touched.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pulumi } from './environment.ts';
import type { StackPlace } from './place.ts';

const run = promisify(execFile);

export interface LockHolder {
  readonly pid: number;
  readonly hostname: string;
}

/** Another CLI is at work on the stack; the message names it. */
export class StackBusy extends Error {}

/** @returns Those whose lock was taken away. Throws StackBusy while a holder lives. */
export async function cancelAbandonedLock({ place, command, env }: Pulumi): Promise<readonly LockHolder[]> {
  const holders = await lockHolders(place);
  if (holders.length === 0) return [];
  for (const holder of holders) if (await isAlive(holder)) throw new StackBusy(busySentence(place, holder));
  await run(command, ['cancel', '--yes', '--non-interactive', '--stack', place.name], { cwd: place.checkout, env });
  return holders;
}

/** Who holds the stack, as the backend's lock files say. */
export async function lockHolders(place: StackPlace): Promise<readonly LockHolder[]> {
  const folder = join(place.state, '.pulumi', 'locks', 'organization', place.project, place.name);
  if (!existsSync(folder)) return [];
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json'));
  return Promise.all(files.map(async (file) => parseHolder(await readFile(join(folder, file), 'utf8'))));
}

/** A lock that cannot be read has no living holder: the CLI writes it whole. */
function parseHolder(text: string): LockHolder {
  try {
    const { pid, hostname: host } = JSON.parse(text);
    return { pid: Number(pid) || 0, hostname: String(host) };
  } catch {
    return { pid: 0, hostname: hostname() };
  }
}

/** On another machine: unknown, so alive. A pid that now belongs to another program is not the CLI any more. */
async function isAlive(holder: LockHolder): Promise<boolean> {
  if (holder.hostname !== hostname()) return true;
  if (holder.pid <= 0) return false;
  const { stdout } = await run('ps', ['-o', 'comm=', '-p', String(holder.pid)]).catch(() => ({ stdout: '' }));
  return /pulumi/.test(stdout);
}

function busySentence(place: StackPlace, { pid, hostname: host }: LockHolder): string {
  return `Stack ${place.name} is being changed by process ${pid} on ${host}. Wait until it is done, or end it and run this again.`;
}
