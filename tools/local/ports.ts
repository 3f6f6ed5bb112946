// The ports of a local stack: base + fixed offsets, all on 127.0.0.1 (docs/architecture.md "Local stack"). The one table
// of them: programs are told the URLs by their settings. Says which ports somebody else holds, before the engine starts.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { highestPortBase, lastOffset } from '../start/port-range.mjs';

const run = promisify(execFile);

/** Offset of the first port of an MCP server. */
const firstServer = 80;
const gatewayNames = ['aws', 'azure', 'gcp', 'onprem'] as const;
const mcpServers = ['mcp-analytics', 'mcp-m365', 'mcp-devops', 'mcp-bigquery', 'mcp-legacy'] as const;
const doors = ['TLS', 'loopback HTTP', 'health', 'metrics'] as const;

export interface StackPort {
  readonly port: number;
  /** For people: "gateway-aws, TLS". */
  readonly use: string;
}

export function stackPorts(base: number): readonly StackPort[] {
  const offsets: (readonly [number, string])[] = [
    ...doors.map((door, at) => [at, `control-plane, ${door}`] as const),
    [4, 'nats, clients'],
    [5, 'nats, monitor'],
    [6, 'postgres'],
    ...gatewayNames.flatMap((name, i) =>
      doors.map((door, at) => [10 * (i + 1) + at, `gateway-${name}, ${door}`] as const),
    ),
    ...mcpServers.map((name, at) => [firstServer + at, name] as const),
  ];
  return offsets.map(([offset, use]) => ({ port: base + offset, use }));
}

/** What the stack's program declares, by name; a plane's URL is its first port. */
export interface StackUrls {
  readonly control: string;
  readonly gateways: Readonly<Record<string, string>>;
  readonly servers: Readonly<Record<string, string>>;
}

export function stackUrls(base: number): StackUrls {
  const https = (offset: number) => `https://localhost:${base + offset}`;
  return {
    control: https(0),
    gateways: Object.fromEntries(gatewayNames.map((name, i) => [name, https(10 * (i + 1))])),
    servers: Object.fromEntries(
      mcpServers.map((name, at) => [name, `http://127.0.0.1:${base + firstServer + at}/mcp`]),
    ),
  };
}

/**
 * Ports for MCP servers, the only ones of this machine that gateways of the stack dial: the examples have the first five, the others are for
 * servers of your own. Neither a plane nor NATS or PostgreSQL listens on any of them.
 */
export const upstreamPorts = (base: number): readonly number[] =>
  Array.from({ length: lastOffset + 1 - firstServer }, (_, at) => base + firstServer + at);

export interface TakenPort extends StackPort {
  /** Who listens there, as far as the system tells. */
  readonly holder: string;
}

/** @param ours Pids whose ports are not in the way: the stack's own processes. */
export async function takenPorts(base: number, ours: ReadonlySet<number>): Promise<readonly TakenPort[]> {
  const ports = stackPorts(base);
  const busy = await Promise.all(ports.map(async (one) => ((await isFree(one.port)) ? [] : [one])));
  const held = busy.flat();
  if (held.length === 0) return [];
  const holders = await holdersOf(held.map(({ port }) => port));
  const foreign = held.filter(({ port }) => !ours.has(holders.get(port) ?? 0));
  return Promise.all(foreign.map(async (one) => ({ ...one, holder: await describe(holders.get(one.port)) })));
}

/** The next base, in steps of 100, whose every port is free; undefined where there is none above. */
export async function freePortBase(after: number): Promise<number | undefined> {
  for (let base = after + 100; base <= highestPortBase; base += 100) {
    const free = await Promise.all(stackPorts(base).map(({ port }) => isFree(port)));
    if (free.every(Boolean)) return base;
  }
  return undefined;
}

/** Whether a port of 127.0.0.1 can be listened on. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Port → pid, as far as the system tells. */
async function holdersOf(ports: readonly number[]): Promise<Map<number, number>> {
  if (!existsSync('/proc/net/tcp')) return askLsof();
  const sockets = await listeningSockets(new Set(ports));
  return sockets.size === 0 ? new Map() : pidsOf(sockets);
}

/** proc_net(5): local address is column 2, state column 4 (0A = LISTEN), inode column 10. */
async function listeningSockets(ports: ReadonlySet<number>): Promise<Map<string, number>> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const rows = tables
    .join('\n')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const listening = rows.filter(([, , , state]) => state === '0A');
  const all = listening.map((row) => [`socket:[${row[9]}]`, Number.parseInt(row[1]?.split(':')[1] ?? '', 16)] as const);
  return new Map(all.filter(([, port]) => ports.has(port)));
}

/** macOS. Lines `p<pid>`, then `n<address>:<port>` for each socket of it. */
async function askLsof(): Promise<Map<number, number>> {
  const { stdout } = await run('lsof', ['-nP', '-iTCP', '-sTCP:LISTEN', '-Fpn']).catch(() => ({ stdout: '' }));
  const found = new Map<number, number>();
  let pid = 0;
  for (const line of stdout.split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    if (line.startsWith('n')) found.set(Number(line.split(':').at(-1)), pid);
  }
  return found;
}

async function pidsOf(sockets: ReadonlyMap<string, number>): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const pid of (await list('/proc')).filter((name) => /^\d+$/.test(name))) {
    for (const fd of await list(`/proc/${pid}/fd`)) {
      const port = sockets.get(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''));
      if (port !== undefined) found.set(port, Number(pid));
    }
  }
  return found;
}

async function describe(pid: number | undefined): Promise<string> {
  if (pid === undefined) return 'another program';
  const [program = '', ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
  return `process ${pid} (${[basename(program), ...args].join(' ').trim().slice(0, 120)})`;
}

/** Another user's process may not be looked into, and any may end meanwhile. */
function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
