/**
 * One process a data folder: two would cut each other's spool. Held by an abstract socket (unix(7)), which ends with the process however it
 * ends, so no stale lock is ever left. Linux only; elsewhere nothing is held.
 */
import { once } from 'node:events';
import { mkdir, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../ports.ts';

const LOOK_MS = 250;

/** Waits until the folder (made with mode 0700 if missing) is free. Throws after `waitMs`, saying who holds what. */
export async function lockFolder(folder: string, log: Log, waitMs = 60_000): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (process.platform !== 'linux') return;
  const { dev, ino } = await stat(folder);
  const name = `\0portolan-gateway-${dev}-${ino}`;
  const giveUpAt = performance.now() + waitMs;
  for (let tries = 0; !(await hold(name)); tries += 1) {
    if (tries === 0) log.warn({ folder }, 'another gateway process uses this folder: waiting for its end');
    if (performance.now() > giveUpAt)
      throw new Error(
        `${folder}: another gateway process uses this folder: stop it, or give each its own gateway.dataDir`,
      );
    await delay(LOOK_MS);
  }
}

async function hold(name: string): Promise<boolean> {
  const server: Server = createServer((socket) => socket.destroy());
  try {
    server.listen(name);
    await once(server, 'listening');
    server.unref();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}
