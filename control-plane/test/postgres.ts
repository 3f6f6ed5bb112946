/**
 * A real PostgreSQL for a test file, with what tests here need beyond tools/postgres: empty schemas, an outage, and the way back.
 * Sets PGPASSFILE of this test process, as the control plane's own start does.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { removeCluster, startPostgres } from '../../tools/postgres/index.ts';

export interface TestPostgres extends AsyncDisposable {
  readonly url: string;
  readonly passFile: string;
  /** Ends the server; the data stay. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** A new empty schema; answers the URL that has it as its search path. */
  schema(name: string): Promise<string>;
}

export async function startTestPostgres(): Promise<TestPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'portolan-postgres-'));
  const port = await freePort();
  let server = await startPostgres({ dir, port });
  const { url, passFile } = server;
  process.env.PGPASSFILE = passFile;
  return {
    url,
    passFile,
    kill: () => server.stop(),
    start: async () => {
      server = await startPostgres({ dir, port });
    },
    schema: (name) => createSchema(url, name),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await removeCluster(dir);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A schema of its own: tools/postgres gives its role one database and no right to make another. */
async function createSchema(url: string, name: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`CREATE SCHEMA ${client.escapeIdentifier(name)}`);
  await client.end();
  const made = new URL(url);
  made.searchParams.set('options', `-c search_path=${name}`);
  return made.href;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
