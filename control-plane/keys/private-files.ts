/**
 * Files that only we may read: written whole or not at all (temporary file, fsync, rename or link), mode 0600 in directories of mode 0700.
 * Invariant: a reader never sees half a file, and no moment exists in which another user could read one.
 */
import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chmod, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the directory where it is not there; closes one that others may enter. Returns whether it made it. */
export async function makePrivateDirectory(path: string): Promise<boolean> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o700);
  return made !== undefined;
}

/** Writes or replaces the file as a whole. Its directory must be there. */
export const writePrivately = (path: string, content: string | Uint8Array): Promise<void> =>
  place(path, content, rename);

/** Writes the file where there is none, whole; returns whether it did. Never replaces one, whoever made it meanwhile. */
export async function writePrivatelyOnce(path: string, content: string | Uint8Array): Promise<boolean> {
  try {
    await place(path, content, link);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Through a draft beside it, which never stays. `put` gives the finished draft the file's name. */
async function place(
  path: string,
  content: string | Uint8Array,
  put: (draft: string, path: string) => Promise<void>,
): Promise<void> {
  const draft = `${path}.${randomUUID()}.new`;
  try {
    await writeThrough(draft, content);
    await put(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dirname(path)); // or a power cut may forget the name
}

async function writeThrough(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  await directory.sync().finally(() => directory.close());
}

/** The file's text; undefined where there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Whether nobody else can read it: a file of ours without rights for others, or one as kubelet shows a Secret to a pod with `fsGroup`, root's, mode
 * 0440, of a group that we are in. Pure.
 */
export function isClosed({ mode, uid, gid }: Pick<Stats, 'mode' | 'uid' | 'gid'>, groups: readonly number[]): boolean {
  const rights = mode & 0o777;
  return (rights & 0o077) === 0 || (rights === 0o440 && uid === 0 && groups.includes(gid));
}

/** Throws, saying what to do, where others may read it. */
export function expectClosed(path: string, what: string, stats: Stats): void {
  const groups = [process.getegid?.() ?? -1, ...(process.getgroups?.() ?? [])];
  if (!isClosed(stats, groups))
    throw new Error(
      `${what} ${path}: others may read it; expected mode 0600 (chmod 600), or in a pod root's with mode 0440 and a group of this process (fsGroup).`,
    );
}

/** The bytes of a file that must be there and closed to others. Throws an error that says what to do. */
export async function readPrivateBytes(path: string, what: string): Promise<Buffer> {
  const stats = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause;
    throw new Error(`${what} ${path} is not there: run "control-plane init" first.`);
  });
  expectClosed(path, what, stats);
  return readFile(path);
}

/** The same, as text. */
export const readPrivately = async (path: string, what: string): Promise<string> =>
  (await readPrivateBytes(path, what)).toString();
