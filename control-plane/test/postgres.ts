/**
 * A real PostgreSQL for a test file, with what tests here need beyond tools/postgres: empty schemas, an outage, and the way back.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { removeCluster, startPostgres } from '../../tools/postgres/index.ts';
import { clientOptions, type DatabaseAddress } from '../db/index.ts';

export interface TestPostgres extends AsyncDisposable {
  readonly address: DatabaseAddress;
  /** Ends the server; the data stay. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** A new empty schema; answers the address that has it as its search path. */
  schema(name: string): Promise<DatabaseAddress>;
}

export async function startTestPostgres(): Promise<TestPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'portolan-postgres-'));
  const port = await freePort();
  let server = await startPostgres({ dir, port });
  const address = { url: server.url, passFile: server.passFile };
  return {
    address,
    kill: () => server.stop(),
    start: async () => {
      server = await startPostgres({ dir, port });
    },
    schema: (name) => createSchema(address, name),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await removeCluster(dir);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A schema of its own: tools/postgres gives its role one database and no right to make another. */
async function createSchema(address: DatabaseAddress, name: string): Promise<DatabaseAddress> {
  const client = new pg.Client(clientOptions(address));
  await client.connect();
  await client.query(`CREATE SCHEMA ${client.escapeIdentifier(name)}`);
  await client.end();
  const made = new URL(address.url);
  made.searchParams.set('options', `-c search_path=${name} -c synchronous_commit=off`);
  return { ...address, url: made.href };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
