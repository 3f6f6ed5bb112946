// A PostgreSQL of one's own, for tests and small tools: real server, free port, gone when stopped. Long-lived ones are
// processes of the provider and use postgresLaunch.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { postgresUrl, serverCommand } from './launch.ts';
import { type Cluster, prepareCluster, removeCluster } from './prepare-cluster.ts';

const readyWithinMs = 30_000;

export interface RunningPostgres extends AsyncDisposable {
  /** Without a password; use `passFile` as PGPASSFILE. */
  readonly url: string;
  readonly passFile: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the server; a folder that was made for it is removed. */
  readonly stop: () => Promise<void>;
}

export interface PostgresOptions {
  /** Absolute folder that stays; default: a temporary one, without fsync. */
  readonly dir?: string;
  /** Default: a free one. */
  readonly port?: number;
}

export async function startPostgres(options: PostgresOptions = {}): Promise<RunningPostgres> {
  const data = options.dir ?? (await mkdtemp(join(tmpdir(), 'portolan-postgres-')));
  const port = options.port ?? (await freePort());
  const cluster = await prepareCluster(data);
  const { command, args } = serverCommand(cluster, port, options.dir ? [] : ['fsync=off']);
  const child = spawn(command, [...args], { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  const pid = await whenReady(child, cluster);
  const stop = async () => {
    await end(child);
    if (options.dir === undefined) await removeCluster(data);
  };
  return { url: postgresUrl(port), passFile: cluster.passFile, port, pid, stop, [Symbol.asyncDispose]: stop };
}

async function whenReady(child: ChildProcess, cluster: Cluster): Promise<number> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4_000);
  });
  const deadline = Date.now() + readyWithinMs;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    if (child.pid !== undefined && (await isReady(cluster, child.pid))) return child.pid;
    await sleep(20);
  }
  child.kill('SIGKILL');
  throw new Error(`PostgreSQL did not become ready within ${readyWithinMs / 1000} s. It said:\n${said}`);
}

/** postmaster.pid: the pid is on line 1, the state on line 8. */
async function isReady(cluster: Cluster, pid: number): Promise<boolean> {
  const lines = (await readFile(join(cluster.folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}

/** SIGINT is PostgreSQL's fast shutdown: it does not wait for clients. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await ended;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
