/** The lag that a status tells, on a real PostgreSQL: what is not rendered yet counts as well. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, migrate, openDatabase } from '../db/index.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';
import { federationStatus } from './federation-status.ts';

const NOW = Date.now();
let server: TestPostgres;
let database: Db;

beforeAll(async () => {
  server = await startTestPostgres();
  await migrate(server.address);
  database = openDatabase(server.address);
}, 60_000);
afterAll(async () => {
  await database?.close();
  await server?.[Symbol.asyncDispose]();
});

async function lags(): Promise<Record<string, number | null>> {
  const nats = { connected: () => true, url: 'nats://localhost' } as never;
  const status = await federationStatus({ db: database.db, nats, federation: 'test', version: '0', now: () => NOW });
  return Object.fromEntries(status.gateways.map(({ name, lag }) => [name, lag]));
}

test('a change that waits to be rendered counts as one revision, for gateways that report', async () => {
  const { db } = database;
  const report = {
    gateway: 'aws',
    replica: 'r',
    version: '0',
    appliedRevision: 4,
    digest: 'four',
    appliedAt: 0,
    certificateNotAfter: NOW + 1_000,
    spool: { bytes: 0, records: 0, dropped: 0 },
  };
  for (const name of ['aws', 'silent'])
    await db
      .insertInto('gateways')
      .values({ name, url: `https://${name}.example.com`, dial: `${name}.example.com:443`, description: null })
      .execute();
  await db
    .insertInto('snapshots')
    .values([4, 5].map((revision) => ({ gateway: 'aws', revision, digest: `${revision}`, content_hash: '', jws: '' })))
    .execute();
  await db
    .insertInto('gateway_replicas')
    .values({
      gateway: 'aws',
      replica: 'r',
      seal_jwk: JSON.stringify({}),
      nkey: 'U',
      certificate_serial: '1',
      certificate_not_after: new Date(NOW + 1_000),
      renewed_at: null,
      revoked_at: null,
      report: JSON.stringify(report),
      reported_at: new Date(NOW),
    })
    .execute();
  expect(await lags()).toEqual({ aws: 1, silent: null });
  await db.insertInto('outbox').values({ kind: 'user', name: 'alice' }).execute();
  await db.insertInto('outbox').values({ kind: 'user', name: 'bob' }).execute();
  expect(await lags()).toEqual({ aws: 2, silent: null });
  await db.deleteFrom('outbox').execute();
  expect(await lags()).toEqual({ aws: 1, silent: null });
});
