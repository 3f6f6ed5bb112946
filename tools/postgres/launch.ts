// How PostgreSQL is started: one command that execs the server, TCP on 127.0.0.1 alone, no unix socket (its path may be
// too long), no password anywhere but in the password file.

import { join } from 'node:path';
import type { Command } from './identity.ts';
import { type Cluster, locateCluster } from './prepare-cluster.ts';

export interface PostgresLaunch extends Command {
  /** Idempotent commands to run before every start. */
  readonly prepare: readonly Command[];
  /** PGPASSFILE of role `portolan`. */
  readonly passFile: string;
  /** Address without a password. */
  readonly url: string;
}

/** @param data Absolute folder of the cluster, which need not exist yet. */
export async function postgresLaunch(data: string, port: number): Promise<PostgresLaunch> {
  const cluster = await locateCluster(data);
  const prepare = [
    {
      command: process.execPath,
      args: [join(import.meta.dirname, 'prepare.ts'), '--data', data, '--port', String(port)],
    },
  ];
  return { ...serverCommand(cluster, port), prepare, passFile: cluster.passFile, url: postgresUrl(port) };
}

export function postgresUrl(port: number): string {
  return `postgres://portolan@127.0.0.1:${port}/portolan`;
}

/** @param settings Further server settings, `name=value`. */
export function serverCommand(cluster: Cluster, port: number, settings: readonly string[] = []): Command {
  const all = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=60',
    'shared_buffers=64MB',
    ...settings,
  ];
  const args = ['-D', cluster.folder, ...all.flatMap((setting) => ['-c', setting])];
  return cluster.identity.wrap(join(cluster.binaries, 'bin', 'postgres'), args);
}
