/**
 * Certificates from a real ACME server (pebble) that asks a real DNS server, kept in a real PostgreSQL. Mocked is the clock alone.
 */
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseAddress, type Db, migrate, openDatabase } from '../db/index.ts';
import { type Kek, kekOf } from '../keys/kek.ts';
import { certificateStatuses } from '../status/certificate-status.ts';
import { until } from '../test/backbone.ts';
import { type ServerKey, startTestDns, type TestDns } from '../test/dns-server.ts';
import { startPebble, type TestPebble } from '../test/pebble.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';
import { type Certificates, openCertificates } from './certificates.ts';
import { CertificatesConfig } from './config.ts';
import { certificateId } from './renewal-hints.ts';
import { certificateRows, pairOf } from './store.ts';

const MINUTE = 60_000;
const PATIENCE = 60_000;
const CONTROL_URL = 'https://control.example.test:8443';

let postgres: TestPostgres;
let dns: TestDns;
let pebble: TestPebble;
let folder: string;
let key: ServerKey;
let schemas = 0;
let address: DatabaseAddress;
let database: Db;
let kek: Kek;
let clock: number;
let running: Certificates[];
let failed: string[];
let issued: string[];
let late: string[];

beforeAll(async () => {
  postgres = await startTestPostgres();
  key = { name: 'portolan', algorithm: 'hmac-sha256', secret: randomBytes(32) };
  dns = await startTestDns(['example.test', 'acme.test'], [key]);
  pebble = await startPebble({ dns: dns.address, lifeSeconds: 9_000 });
  folder = await mkdtemp(join(tmpdir(), 'acme-'));
  await writeFile(join(folder, 'tsig'), key.secret.toString('base64'), { mode: 0o600 });
}, 600_000);
afterAll(async () => {
  await pebble?.[Symbol.asyncDispose]();
  await dns?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  schemas += 1;
  address = await postgres.schema(`acme_${schemas}`);
  await migrate(address);
  database = openDatabase(address);
  kek = kekOf(randomBytes(32));
  clock = 0;
  running = [];
  failed = [];
  issued = [];
  late = [];
  dns.updates.length = 0;
  dns.keys = [key];
  dns.refusing = false;
  dns.answersWith = undefined;
  dns.now = () => Date.now() + clock;
});
afterEach(async () => {
  for (const one of running) await one.stop();
  await database.close();
});

const config = (changes: object = {}) =>
  CertificatesConfig.parse({
    directory: pebble.directory,
    email: 'ops@example.test',
    termsOfServiceAgreed: true,
    caFile: pebble.caFile,
    dns: {
      rfc2136: { server: dns.address, zone: 'example.test', keyName: key.name, keyFile: join(folder, 'tsig') },
      resolvers: [dns.address],
    },
    ...changes,
  });

/** `clock` is added to the system's. */
async function start(changes: object = {}, controlUrl: string | null = CONTROL_URL): Promise<Certificates> {
  const one = await openCertificates({
    config: config(changes),
    db: database.db,
    address,
    kek,
    now: () => Date.now() + clock,
    controlUrl: controlUrl ?? undefined,
    files: undefined,
    onIssued: ({ plane }) => issued.push(plane),
    onFailed: ({ plane }, error) => failed.push(`${plane}: ${error}`),
    onLate: (plane) => late.push(plane),
    onTrouble: (doing, error) => failed.push(`${doing}: ${error}`),
  });
  one.start();
  running.push(one);
  return one;
}

/** How often a new order was asked for. */
const newOrders = (): number =>
  pebble.said().match(/-> calling handler\(\) of POST .*order-plz|POST \/order-plz/g)?.length ?? 0;
const rowOf = async (plane: string) => (await certificateRows(database)).find((row) => row.plane === plane);
const chainOf = async (plane: string) => (await rowOf(plane))?.chain ?? undefined;
async function registerGateway(name: string, url: string): Promise<void> {
  await database.db
    .insertInto('gateways')
    .values({ name, url, dial: `${new URL(url).hostname}:443`, description: null, certificate: 'acme' })
    .execute();
}

describe('a certificate by ACME', () => {
  test(
    'is ordered for the control plane and for each gateway that asks, one key each, and nothing stays in DNS',
    async () => {
      await registerGateway('aws', 'https://aws.example.test');
      await start();
      const chains = await until(async () => {
        const [control, aws] = [await chainOf('control'), await chainOf('aws')];
        return control && aws ? [control, aws] : undefined;
      }, PATIENCE);
      expect(issued).toEqual(['control', 'aws']);
      const names = ['control.example.test', 'aws.example.test'];
      const root = new X509Certificate(await pebble.root());
      for (const [i, chain] of chains.entries()) {
        const leaf = new X509Certificate(chain);
        expect(leaf.subjectAltName).toBe(`DNS:${names[i]}`);
        const issuer = new X509Certificate(chain.slice(chain.indexOf('-----END') + 25));
        expect([leaf.verify(issuer.publicKey), issuer.verify(root.publicKey)]).toEqual([true, true]);
      }
      const keys = await Promise.all((await certificateRows(database)).map((row) => pairOf({ kek }, row)));
      expect(new Set(keys.map((pair) => pair?.key)).size).toBe(2);
      expect(dns.txt()).toEqual([]);
      expect(dns.updates).toEqual([
        'add _acme-challenge.control.example.test',
        'remove _acme-challenge.control.example.test',
        'add _acme-challenge.aws.example.test',
        'remove _acme-challenge.aws.example.test',
      ]);
      expect(failed).toEqual([]);
    },
    PATIENCE * 2,
  );

  test(
    'is renewed at two thirds of its life, with another key, and not before',
    async () => {
      await start();
      const first = await until(() => chainOf('control'), PATIENCE);
      const row = await rowOf('control');
      const [begin = 0, end = 0] = [row?.not_before?.getTime(), row?.not_after?.getTime()];
      const at = ((row?.renew_at?.getTime() ?? 0) - begin) / (end - begin);
      expect(at).toBeGreaterThanOrEqual(2 / 3);
      expect(at).toBeLessThan(0.71);
      clock = (row?.renew_at?.getTime() ?? 0) - Date.now() - 10_000;
      await new Promise((resolve) => setTimeout(resolve, 3_000)); // longer than the issuer sleeps between two looks
      expect(await chainOf('control')).toBe(first);
      clock += 11_000;
      const second = await until(
        async () => ((await chainOf('control')) === first ? undefined : chainOf('control')),
        PATIENCE,
      );
      clock = 0;
      const [a, b] = [new X509Certificate(first), new X509Certificate(second)];
      expect([a.publicKey.equals(b.publicKey), a.subjectAltName === b.subjectAltName]).toEqual([false, true]);
      expect(failed).toEqual([]);
    },
    PATIENCE * 2,
  );

  test(
    'follows a CNAME: the challenge is written where it leads',
    async () => {
      dns.cname('_acme-challenge.delegated.example.org', 'one.acme.test');
      dns.cname('one.acme.test', 'two.acme.test');
      const rfc2136 = { server: dns.address, zone: 'acme.test', keyName: key.name, keyFile: join(folder, 'tsig') };
      await start({ dns: { rfc2136, resolvers: [dns.address] } }, 'https://delegated.example.org');
      await until(() => chainOf('control'), PATIENCE);
      expect(dns.updates).toEqual(['add two.acme.test', 'remove two.acme.test']);
    },
    PATIENCE,
  );

  test(
    'is not ordered outside the zone, and the error says what to do',
    async () => {
      await start({}, 'https://control.example.org');
      expect(await until(() => failed[0], PATIENCE)).toMatch(
        /_acme-challenge\.control\.example\.org is not in zone example\.test: .*CNAME/,
      );
    },
    PATIENCE,
  );

  test.each<[string, () => object | Promise<object>, RegExp]>([
    [
      'another secret',
      async () => {
        await writeFile(join(folder, 'wrong'), randomBytes(32).toString('base64'), { mode: 0o600 });
        return { keyFile: join(folder, 'wrong') };
      },
      /by key portolan: the signature of the update does not hold there: is keyFile the secret of keyName/,
    ],
    ['a key that the server does not know', () => ({ keyName: 'other' }), /by key other: it does not know this key/],
    [
      'a zone that the server does not serve',
      () => ({ zone: 'test' }),
      /NOTAUTH: it does not serve this zone, or does not know this key/,
    ],
    [
      'an answer that the key has not signed',
      () => {
        dns.answersWith = randomBytes(32);
        return {};
      },
      /the signature of the answer does not hold/,
    ],
    [
      'a clock that is wrong',
      () => {
        dns.now = () => Date.now() - 10 * MINUTE;
        return {};
      },
      /the two clocks differ by more than 300 s/,
    ],
    [
      'nobody there',
      () => ({ server: '127.0.0.1:1' }),
      /DNS server 127\.0\.0\.1:1 did not answer the update: .*ECONNREFUSED/,
    ],
  ])(
    'is not ordered with %s; nothing secret is in the error, and it waits its time',
    async (_what, change, says) => {
      const rfc2136 = { server: dns.address, zone: 'example.test', keyName: key.name, keyFile: join(folder, 'tsig') };
      await start({ dns: { rfc2136: { ...rfc2136, ...(await change()) }, resolvers: [dns.address] } });
      expect(await until(() => failed[0], PATIENCE)).toMatch(says);
      const row = await rowOf('control');
      expect([row?.failures, row?.chain, row?.last_error]).toEqual([1, null, expect.stringMatching(says)]);
      expect(Number(row?.retry_at) - Number(row?.last_error_at)).toBe(MINUTE);
      expect(`${row?.last_error}`).not.toContain(key.secret.toString('base64'));
    },
    PATIENCE,
  );

  test(
    'an order that failed is gone on with by the next process, and no second one is made',
    async () => {
      dns.refusing = true;
      const first = await start();
      await until(() => failed[0], PATIENCE);
      const { order_url: url } = (await rowOf('control')) ?? {};
      expect(url).toContain('https://');
      await first.stop();
      dns.refusing = false;
      clock = 2 * MINUTE;
      const orders = newOrders();
      expect(orders).toBeGreaterThan(0);
      await start();
      await until(() => chainOf('control'), PATIENCE);
      expect(newOrders()).toBe(orders);
      expect(await rowOf('control')).toMatchObject({ order_url: null, order_key: null, failures: 0, last_error: null });
    },
    PATIENCE,
  );

  test(
    'is for the name of the URL that is registered now; a gateway that asks no longer loses its key here',
    async () => {
      await registerGateway('aws', 'https://aws.example.test');
      await start({}, null);
      await until(() => chainOf('aws'), PATIENCE);
      await database.db.updateTable('gateways').set({ url: 'https://renamed.example.test' }).execute();
      const renamed = await until(
        async () => ((await rowOf('aws'))?.name === 'renamed.example.test' ? chainOf('aws') : undefined),
        PATIENCE,
      );
      expect(new X509Certificate(renamed).subjectAltName).toBe('DNS:renamed.example.test');
      await database.db.updateTable('gateways').set({ status: 'retired' }).execute();
      await until(async () => (await certificateRows(database)).length === 0, PATIENCE);
    },
    PATIENCE * 2,
  );

  test(
    'needs an account that is bound to one with the CA, where the CA wants that',
    async () => {
      const mac = randomBytes(32);
      await using strict = await startPebble({
        dns: dns.address,
        externalAccounts: { 'kid-1': mac.toString('base64url') },
      });
      const bound = { directory: strict.directory, caFile: strict.caFile };
      const unbound = await start(bound);
      expect(await until(() => failed[0], PATIENCE)).toMatch(/externalAccountRequired/);
      await unbound.stop();
      await writeFile(join(folder, 'mac'), mac.toString('base64url'), { mode: 0o600 });
      clock = 2 * MINUTE;
      await start({ ...bound, externalAccount: { keyId: 'kid-1', keyFile: join(folder, 'mac') } });
      await until(() => chainOf('control'), PATIENCE);
    },
    PATIENCE,
  );

  test(
    'a server that has forgotten the account gets it again',
    async () => {
      await using other = await startPebble({ dns: dns.address });
      const at = { directory: other.directory, caFile: other.caFile };
      await start(at);
      const first = await until(() => chainOf('control'), PATIENCE);
      await other.stop();
      await other.start();
      await database.db
        .updateTable('certificates')
        .set({ renew_at: new Date(0) })
        .execute();
      expect(await until(() => failed[0], PATIENCE)).toContain('accountDoesNotExist');
      clock = 2 * MINUTE;
      await until(async () => (await chainOf('control')) !== first, PATIENCE);
    },
    PATIENCE,
  );

  test(
    'is renewed as soon as the CA wants it, in place of the one before',
    async () => {
      const before = await start();
      const first = await until(() => chainOf('control'), PATIENCE);
      await before.stop(); // who begins asks at once, later every six hours
      await pebble.wantRenewed(first, new Date(Date.now() - 2 * MINUTE), new Date(Date.now() - MINUTE));
      await start();
      await until(async () => (await chainOf('control')) !== first, PATIENCE);
      expect(failed).toEqual([]);
      expect(certificateId(first)).toMatch(/^[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{8,}$/);
    },
    PATIENCE,
  );

  test(
    'past three quarters of its life somebody is told',
    async () => {
      dns.refusing = false;
      await start();
      await until(() => chainOf('control'), PATIENCE);
      dns.refusing = true;
      const row = await rowOf('control');
      const [begin = 0, end = 0] = [row?.not_before?.getTime(), row?.not_after?.getTime()];
      clock = begin + (end - begin) * 0.76 - Date.now();
      await until(() => late[0] === 'control' && failed.length > 0, PATIENCE);
      expect(await certificateStatuses(database.db, Date.now() + clock)).toMatchObject([
        { plane: 'control', late: true, failures: 1, lastError: { message: expect.stringContaining('REFUSED') } },
      ]);
    },
    PATIENCE,
  );
});
