// The cache of built or downloaded programs, shared by every checkout of this user:
// ${XDG_CACHE_HOME:-~/.cache}/portolan/<tool>-<version>-<hash of go.sum>/<tool>
// Invariant: a folder of that name is whole, because it appears by rename.

import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../start/lock.mjs';
import type { Tool } from './tools.ts';

export interface CachePlace {
  readonly root: string;
  /** Folder of this tool at this version. */
  readonly folder: string;
  /** The program in it. */
  readonly program: string;
}

/** @param moduleFolder tools/<module>, whose go.sum names the exact sources. */
export async function cachePlace(tool: Tool, moduleFolder: string, env: NodeJS.ProcessEnv): Promise<CachePlace> {
  const root = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'portolan');
  const sums = await readFile(join(moduleFolder, 'go.sum'));
  const hash = createHash('sha256').update(sums).digest('hex').slice(0, 12);
  const folder = join(root, `${tool.name}-${tool.version}-${hash}`);
  return { root, folder, program: join(folder, tool.name) };
}

/** Runs `fill` on an empty folder and publishes it under the place's name. What `fill` throws leaves no trace. */
export async function publish(place: CachePlace, fill: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(place.root, { recursive: true });
  const draft = await mkdtemp(join(place.root, '.draft-'));
  try {
    await fill(draft);
    await chmod(draft, 0o755);
    await rm(place.folder, { recursive: true, force: true });
    await rename(draft, place.folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** One process a tool at a time: a second checkout waits for the first one's build instead of building too. */
export function underCacheLock<T>(place: CachePlace, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const waiting = (pid: number) => process.stderr.write(`Process ${pid} is getting the same tool; waiting for it.\n`);
  return withLock(`${place.folder}.lock`, work, waiting, signal);
}
