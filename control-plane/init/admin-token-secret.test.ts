/** The first admin token in a Secret: there once, gone for good when it is deleted, whole after a crash. Real PostgreSQL, stand-in API server. */
import { randomBytes } from 'node:crypto';
import { makeToken, tokenText } from '@portolan/core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Db, migrate, openDatabase } from '../db/index.ts';
import { kekOf } from '../keys/kek.ts';
import { inClusterSecrets } from '../kubernetes/index.ts';
import { startTestApiServer, type TestApiServer } from '../test/api-server.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';
import { authenticate } from '../tokens/index.ts';
import { ensureAdminTokenSecret } from './admin-token-secret.ts';

const DAY = 86_400_000;
const NAME = 'control-admin';
const kek = kekOf(randomBytes(32));
let postgres: TestPostgres;
let server: TestApiServer;
let database: Db;

beforeAll(async () => {
  [postgres, server] = await Promise.all([startTestPostgres(), startTestApiServer()]);
  await migrate(postgres.address);
  database = openDatabase(postgres.address);
}, 60_000);
afterAll(async () => {
  await database?.close();
  await server?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  server.secrets.clear();
  await database.db.deleteFrom('tokens').execute();
});

async function ensure(now = Date.now()): Promise<string | undefined> {
  const secrets = () => inClusterSecrets(server.config, server.directory);
  return ensureAdminTokenSecret({ db: database.db, kek, now, secrets, name: NAME });
}
const text = (): string => Buffer.from(server.secrets.get(NAME)?.data?.token ?? '', 'base64').toString();
const put = (token: string): void =>
  void server.secrets.set(NAME, {
    data: { token: Buffer.from(token).toString('base64') },
    metadata: { name: NAME },
  });

test('it is made once and opens the API; deleted, it does not come back', async () => {
  const said = await ensure();
  expect(said).toMatch(/admin token in Secret control-admin of namespace portolan-control/);
  const token = text();
  expect(said).not.toContain(token.slice(-8));
  await expect(authenticate(database.db, `Bearer ${token}`, Date.now())).resolves.toBeDefined();
  expect(await ensure()).toBeUndefined();
  expect(text()).toBe(token);
  server.secrets.clear();
  expect(await ensure()).toBeUndefined();
  expect(server.secrets.size).toBe(0);
});

test('a Secret whose row a crash kept from being written gets it', async () => {
  const token = tokenText(makeToken('pat'));
  put(token);
  expect(await ensure()).toMatch(/row of the admin token/);
  await expect(authenticate(database.db, `Bearer ${token}`, Date.now())).resolves.toBeDefined();
});

test('with every admin token revoked or about to expire there is a new one, once the Secret is gone', async () => {
  await ensure();
  await database.db.updateTable('tokens').set({ revoked_at: new Date() }).execute();
  expect(await ensure()).toMatch(/is revoked \(delete the Secret/);
  server.secrets.clear();
  expect(await ensure()).toMatch(/admin token in Secret/);
  const later = Date.now() + 340 * DAY;
  expect(await ensure(later)).toMatch(/about to expire \(delete the Secret/);
  server.secrets.clear();
  expect(await ensure(later)).toMatch(/admin token in Secret/);
});

test('while a token is good the API is not asked, and without it nothing fails but the first birth', async () => {
  const away = () => inClusterSecrets({ apiServer: undefined }, server.directory);
  const ensureAway = (now: number) => ensureAdminTokenSecret({ db: database.db, kek, now, secrets: away, name: NAME });
  await expect(ensureAway(Date.now())).rejects.toThrow('KUBERNETES_SERVICE_HOST');
  await ensure();
  expect(await ensureAway(Date.now())).toBeUndefined();
  expect(await ensureAway(Date.now() + 400 * DAY)).toMatch(/^nothing: .*about to expire.*KUBERNETES_SERVICE_HOST/);
});

test('a Secret that holds something else is left alone and named', async () => {
  put('something else');
  await expect(ensure()).rejects.toThrow(/control-admin .*holds no admin token: delete it/);
  expect(text()).toBe('something else');
});

test('another that is faster is no loss: no row is written for a token that nobody has', async () => {
  server.beforeCreate = () => put(tokenText(makeToken('pat')));
  await expect(ensure()).rejects.toThrow('run init again');
  server.beforeCreate = () => {};
  expect(await database.db.selectFrom('tokens').select('id').execute()).toEqual([]);
  expect(await ensure()).toMatch(/row of the admin token/);
});
