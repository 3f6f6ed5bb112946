/** The lag that a status tells, on a real PostgreSQL: what is not rendered yet counts as well. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, migrate, openDatabase } from '../db/index.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';
import { federationStatus, mcpServerStatus } from './federation-status.ts';
import { SILENT_AFTER_MS } from './judge.ts';
import { ServerReports } from './server-reports.ts';

const NOW = Date.now();
let server: TestPostgres;
let database: Db;
const servers = new ServerReports();

beforeAll(async () => {
  server = await startTestPostgres();
  await migrate(server.address);
  database = openDatabase(server.address);
}, 60_000);
afterAll(async () => {
  await database?.close();
  await server?.[Symbol.asyncDispose]();
});

const sources = () => ({
  db: database.db,
  nats: { connected: () => true, url: 'nats://localhost' } as never,
  servers,
  federation: 'test',
  version: '0',
  now: () => NOW,
});

async function lags(): Promise<Record<string, number | null>> {
  const status = await federationStatus(sources());
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

test('an MCP server is what the gateway that it stands behind says of it, as long as that one is heard from', async () => {
  const { db } = database;
  await db
    .insertInto('mcp_servers')
    .values(
      ['near', 'other'].map((name) => ({
        name,
        url: 'http://x',
        gateway: name === 'near' ? 'aws' : 'silent',
        description: null,
      })),
    )
    .execute();
  const state = {
    reachable: true,
    era: 'modern' as const,
    eraAt: NOW - 5,
    protocolVersions: ['2026-07-28'],
    serverInfo: null,
    tools: 3,
    latencyMs: 4,
    checkedAt: NOW,
    lastError: { code: 'upstream_down', message: 'x', at: NOW - 9 },
  };
  const both = ['near', 'other'].map((server) => ({ ...state, server }));
  servers.take('aws', { gateway: 'aws', replica: 'r', servers: both });
  servers.take('silent', { gateway: 'silent', replica: 'r', servers: both });
  const unknown = { reachable: null, era: null, protocolVersions: null, tools: null, checkedAt: null, lastError: null };
  const { mcpServers } = await federationStatus(sources());
  expect(mcpServers).toMatchObject([
    {
      name: 'near',
      gateway: 'aws',
      reachable: true,
      era: 'modern',
      eraCheckedAt: new Date(NOW - 5).toISOString(),
      tools: 3,
      checkedAt: new Date(NOW).toISOString(),
      lastError: { code: 'upstream_down', message: 'x', at: new Date(NOW - 9).toISOString() },
    },
    { name: 'other', gateway: 'silent', ...unknown },
  ]);
  expect(await mcpServerStatus(sources(), 'near')).toEqual(mcpServers[0]);
  expect(await mcpServerStatus(sources(), 'none')).toBeUndefined();
  const later = { ...sources(), now: () => NOW + SILENT_AFTER_MS + 1 };
  expect(await mcpServerStatus(later, 'near')).toMatchObject(unknown);
});
