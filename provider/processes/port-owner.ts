/** Whether a port is free, and who has it where the system tells. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { describeProcess } from './process-table.ts';
import { splitHostPort } from './spec.ts';

/** @returns Half a sentence for each port that cannot be listened on. */
export async function takenPorts(listens: readonly string[]): Promise<string[]> {
  const found = await Promise.all(listens.map(obstacle));
  return found.filter((one) => one !== undefined);
}

function obstacle(hostPort: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE';
      resolve(
        isTaken ? `${hostPort} is in use by ${ownerOf(hostPort)}` : `${hostPort} cannot be used: ${error.message}`,
      );
    });
    server.listen({ ...splitHostPort(hostPort), exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function ownerOf(hostPort: string): string {
  const inodes = listeningInodes(splitHostPort(hostPort).port);
  const pid = inodes.length > 0 ? pidWithSocket(new Set(inodes.map((inode) => `socket:[${inode}]`))) : undefined;
  return pid === undefined ? 'another program' : describeProcess(pid);
}

/** proc_net(5): local address is the second column, state the fourth (0A = LISTEN), inode the tenth. */
function listeningInodes(port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => {
    const rows = readText(table)
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    return rows
      .filter((columns) => columns[1]?.endsWith(`:${hex}`) && columns[3] === '0A')
      .map((columns) => columns[9] ?? '');
  });
}

function pidWithSocket(sockets: ReadonlySet<string>): number | undefined {
  const pids = list('/proc').filter((name) => /^\d+$/.test(name));
  const owner = pids.find((pid) => list(`/proc/${pid}/fd`).some((fd) => sockets.has(target(`/proc/${pid}/fd/${fd}`))));
  return owner === undefined ? undefined : Number(owner);
}

// another user's process may not be looked into, and any may end meanwhile: then there is nothing to see
const readText = (path: string): string => orNothing(() => readFileSync(path, 'utf8'), '');
const list = (path: string): string[] => orNothing(() => readdirSync(path), []);
const target = (path: string): string => orNothing(() => readlinkSync(path), '');

function orNothing<T>(look: () => T, nothing: T): T {
  try {
    return look();
  } catch {
    return nothing;
  }
}
