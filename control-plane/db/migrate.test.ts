/** The schema on a real PostgreSQL: applied once, by one of many, never edited, and as schema.ts says. */
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort, startTestPostgres, type TestPostgres } from '../test/postgres.ts';
import { databaseAway, listen, migrate, openDatabase } from './index.ts';
import { pending } from './migrate.ts';
import { migrations } from './migrations/index.ts';

let server: TestPostgres;

beforeAll(async () => {
  server = await startTestPostgres();
}, 60_000);
afterAll(async () => server[Symbol.asyncDispose]());

test('ten processes at once apply each migration exactly once', async () => {
  const address = await server.schema('race');
  const applied = await Promise.all(Array.from({ length: 10 }, () => migrate(address)));
  expect(applied.flat()).toEqual(migrations.map((migration) => migration.name));
  expect(await migrate(address)).toEqual([]);
});

test('a migration that fails leaves nothing behind', async () => {
  const address = await server.schema('broken');
  const broken = [...migrations, { name: '9999-broken', sql: 'CREATE TABLE half (id int); SELECT nonsense;' }];
  await expect(migrate(address, broken)).rejects.toThrow('"9999-broken" failed and was rolled back: column "nonsense"');
  const { db, close } = openDatabase(address);
  const tables = await db.introspection.getTables();
  await close();
  expect(tables.filter((table) => table.schema === 'broken').map((table) => table.name)).not.toContain('half');
});

test('an edited, an unknown and a newer migration are refused', () => {
  const known = [{ name: 'a', sql: 'x' }];
  const sha256 = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'; // of "x"
  expect(pending([], known)).toEqual(known);
  expect(pending([{ name: 'a', sha256 }], known)).toEqual([]);
  expect(() => pending([{ name: 'a', sha256: '00' }], known)).toThrow('applied with another text');
  expect(() => pending([{ name: 'b', sha256 }], known)).toThrow('does not know it');
  expect(() =>
    pending(
      [
        { name: 'a', sha256 },
        { name: 'b', sha256 },
      ],
      known,
    ),
  ).toThrow('newer version');
});

test('bigints come as numbers, timestamps with milliseconds', async () => {
  const address = await server.schema('types');
  await migrate(address);
  const { db, close } = openDatabase(address);
  const at = new Date('2026-01-02T03:04:05.678Z');
  await db
    .insertInto('audit_watermarks')
    .values({ gateway: 'aws', epoch: 'e', seq: 9_007_199_254_740_991, updated_at: at })
    .execute();
  const row = await db.selectFrom('audit_watermarks').selectAll().executeTakeFirstOrThrow();
  await close();
  expect(row).toEqual({ gateway: 'aws', epoch: 'e', seq: 9_007_199_254_740_991, updated_at: at });
});

test('a connection that breaks inside a transaction fails that transaction, and nothing else', async () => {
  const { db, ping, close } = openDatabase(server.address);
  const broken = db.transaction().execute(async (trx) => {
    await sql`SELECT 1`.execute(trx);
    await server.kill();
    await sql`SELECT 1`.execute(trx);
  });
  expect(databaseAway(await broken.catch((error: unknown) => error))).toBe(true);
  await server.start();
  await expect.poll(ping, { timeout: 5_000 }).toBe(true);
  await close();
}, 30_000);

test('who cannot be reached is named; a wrong password is no outage', async () => {
  const nowhere = { url: `postgres://portolan@127.0.0.1:${await freePort()}/portolan` };
  const refused = await migrate(nowhere).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    message: expect.stringMatching(/no connection to PostgreSQL at 127\.0\.0\.1:\d+: .*ECONNREFUSED/),
  });
  expect(databaseAway(refused)).toBe(true);
  const unknown = await migrate({ url: server.address.url }).catch((error: unknown) => error);
  expect(databaseAway(unknown)).toBe(false);
});

test('LISTEN tells of an outage once, and of what may have been missed after it', async () => {
  const stop = new AbortController();
  const said: string[] = [];
  const listening = listen({
    address: server.address,
    channel: 'x',
    signal: stop.signal,
    onNotify: () => said.push('notified'),
    onAway: () => said.push('away'),
  });
  await expect.poll(() => said).toEqual(['notified']);
  await server.kill();
  await expect.poll(() => said).toEqual(['notified', 'away']);
  await server.start();
  await expect.poll(() => said, { timeout: 5_000 }).toEqual(['notified', 'away', 'notified']);
  stop.abort();
  await listening;
}, 30_000);

test('an outage is told from a fault, and the pool recovers from it', async () => {
  const { db, ping, close } = openDatabase(server.address);
  expect(await ping()).toBe(true);
  const fault = await db
    .selectFrom('gateways')
    .selectAll()
    .execute()
    .catch((error: unknown) => error);
  expect(databaseAway(fault)).toBe(false);
  await server.kill();
  expect(await ping()).toBe(false);
  const outage = await db
    .selectFrom('gateways')
    .selectAll()
    .execute()
    .catch((error: unknown) => error);
  expect(databaseAway(outage)).toBe(true);
  await server.start();
  await expect.poll(ping, { timeout: 5_000 }).toBe(true);
  await close();
}, 30_000);
