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
import { until } from '../test/backbone.ts';
import { type ServerKey, startTestDns, type TestDns } from '../test/dns-server.ts';
import { startPebble, type TestPebble } from '../test/pebble.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';
import { type Certificates, openCertificates } from './certificates.ts';
import { CertificatesConfig } from './config.ts';
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
  key = { name: 'portolan.', algorithm: 'hmac-sha256', secret: randomBytes(32) };
  key = { ...key, name: 'portolan' };
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
async function start(changes: object = {}, controlUrl: string | undefined = CONTROL_URL): Promise<Certificates> {
  const one = await openCertificates({
    config: config(changes),
    db: database.db,
    address,
    kek,
    now: () => Date.now() + clock,
    controlUrl,
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
});
void MINUTE;
