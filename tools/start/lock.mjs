// A lock between processes: a file that names its holder. Whoever finds the holder dead, or silent for a minute, takes
// the lock over. It leaves to callers what the lock protects. Invariant: at most one living process holds a path.

import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const beatMs = 5_000;
const silentMs = 60_000;
const pollMs = 250;

/**
 * Runs `work` while holding the lock file `path`.
 *
 * @template T
 * @param {string} path Lock file; its folder is made.
 * @param {() => T | Promise<T>} work
 * @param {(holder: number) => void} [onWait] Told once, with the holder's pid, when another process has the lock.
 * @param {AbortSignal} [signal] Ends the waiting.
 * @returns {Promise<T>}
 */
export async function withLock(path, work, onWait = () => {}, signal = undefined) {
  mkdirSync(dirname(path), { recursive: true });
  const mine = JSON.stringify({ pid: process.pid, id: randomUUID() });
  let told = false;
  while (!claim(path, mine)) {
    signal?.throwIfAborted();
    if (dropIfDead(path)) continue;
    if (!told) onWait(holderOf(read(path)));
    told = true;
    await sleep(pollMs);
  }
  const beat = setInterval(() => touch(path), beatMs);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if (read(path) === mine) rmSync(path, { force: true });
  }
}

/** The link is made with its content, so nobody ever reads a lock without a holder. */
function claim(path, content) {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** True when the caller should try again at once. */
function dropIfDead(path) {
  const seen = read(path);
  if (seen === undefined) return true;
  if (isAlive(holderOf(seen)) && !isSilent(path)) return false;
  const grave = `${path}.${randomUUID()}`;
  try {
    renameSync(path, grave);
  } catch {
    return true; // someone else took it away first
  }
  const taken = read(grave);
  // between read and rename another process may have taken over: its lock is put back
  if (taken !== undefined && taken !== seen) claim(path, taken);
  rmSync(grave, { force: true });
  return true;
}

/** @returns {number} 0 when the file names nobody. */
function holderOf(content) {
  try {
    return Number(JSON.parse(content ?? '').pid) || 0;
  } catch {
    return 0;
  }
}

/** Whether a process has this pid, ours or not. @param {number} pid */
export function isAlive(pid) {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function isSilent(path) {
  try {
    return Date.now() - statSync(path).mtimeMs > silentMs;
  } catch {
    return false;
  }
}

function touch(path) {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // the lock was taken over while this process slept; the check before removal sees it
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
