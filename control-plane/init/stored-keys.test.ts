/** Keys in the database: one set, however many are born at once, on data directories that do not last. Real PostgreSQL. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Config, dataFiles, parseConfig } from '../config.ts';
import { type DatabaseAddress, openDatabase } from '../db/index.ts';
import { kekOf, keyMaterialAad } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';
import { init } from './init.ts';

let postgres: TestPostgres;
let address: DatabaseAddress;
let dir: string;
let schemas = 0;

beforeAll(async () => {
  postgres = await startTestPostgres();
}, 60_000);
afterAll(() => postgres?.[Symbol.asyncDispose]());
beforeEach(async () => {
  schemas += 1;
  address = await postgres.schema(`keys${schemas}`);
  dir = await mkdtemp(join(tmpdir(), 'portolan-keys-'));
  await writeFile(join(dir, 'kek'), randomBytes(32), { mode: 0o600 });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const HOSTS = '{ hosts: [localhost] }';

function configOf(replica: string, keys = `{ in: database, kekFile: ${join(dir, 'kek')} }`, site = HOSTS): Config {
  const text = `controlPlane:
  federation: test
  url: https://control.example.test:18400
  dataDir: ${join(dir, replica)}
  siteCertificate: ${site}
  nats: { url: "nats://localhost:4222", storeDir: ${join(dir, 'nats')} }
  keys: ${keys}
`;
  return parseConfig(text, { DATABASE_URL: address.url, PGPASSFILE: address.passFile }, 'test');
}

async function born(config: Config): Promise<string[]> {
  const lines: string[] = [];
  await init(config, (line) => lines.push(line));
  return lines;
}

/** Path below the data directory → content. */
async function tree({ dataDir }: Config): Promise<Record<string, string>> {
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const read = files.map(async (path) => [path.slice(dataDir.length + 1), await readFile(path, 'utf8')] as const);
  return Object.fromEntries((await Promise.all(read)).filter(([path]) => path !== 'nats.conf'));
}

async function rows(): Promise<ReadonlyMap<string, string>> {
  const { db, close } = openDatabase(address);
  const all = await db.selectFrom('key_material').select(['path', 'sealed']).execute();
  await close();
  return new Map(all.map(({ path, sealed }) => [path, sealed.toString('latin1')]));
}

test('two inits at once on two empty directories end with one set of keys, and a third reads it', async () => {
  const [one, two, three] = [configOf('one'), configOf('two'), configOf('three')];
  await Promise.all([born(one), born(two)]);
  const keys = await tree(one);
  expect(Object.keys(keys).sort()).toEqual([
    'admin-token',
    'mesh/ca.crt',
    'mesh/issuer.pem',
    'mesh/root.pem',
    'nats/keys.json',
    'site/ca.crt',
    'site/ca.pem',
    'site/tls.crt',
    'site/tls.key',
    'snapshot/signing.jwk',
  ]);
  expect(await tree(two)).toEqual(keys);
  const stored = await rows();
  const made = await born(three);
  expect(await tree(three)).toEqual(keys);
  expect(made.filter((line) => /root|issuer|key |operator|token/.test(line))).toEqual([]);
  expect(await rows()).toEqual(stored);
});

test('an ordered certificate that lies in the directory is not kept: its place is with the orders', async () => {
  const rfc2136 = { server: '127.0.0.1', zone: 'example.test', keyName: 'k', keyFile: '/k' };
  const certificates = { directory: 'https://localhost/dir', termsOfServiceAgreed: true, dns: { rfc2136 } };
  const site = `{ acme: true }\n  certificates: ${JSON.stringify(certificates)}`;
  const config = configOf('one', undefined, site);
  await born(config);
  const { siteCertificate, siteKey } = dataFiles(config.dataDir);
  for (const path of [siteCertificate, siteKey]) await writeFile(path, 'ordered', { mode: 0o600 });
  await born(config);
  expect([...(await rows()).keys()].filter((path) => path.startsWith('site/'))).toEqual([]);
});

test('the database holds nothing in clear, and each file opens in its own row alone', async () => {
  const config = configOf('one');
  await born(config);
  const stored = await rows();
  for (const content of stored.values()) expect(content).not.toMatch(/BEGIN|"d"|ptl_|eyJ/);
  const kek = kekOf(await readFile(join(dir, 'kek')));
  const sealed = Buffer.from(stored.get('nats/keys.json') ?? '', 'latin1');
  await expect(kek.open(sealed, keyMaterialAad('nats/keys.json'))).resolves.toBeDefined();
  await expect(kek.open(sealed, keyMaterialAad('snapshot/signing.jwk'))).rejects.toThrow('does not open');
});

test('another key-encryption key is named, and changes nothing, here or in the database', async () => {
  await born(configOf('one'));
  const stored = await rows();
  await writeFile(join(dir, 'kek'), randomBytes(32), { mode: 0o600 });
  const other = configOf('other');
  await expect(born(other)).rejects.toThrow(/does not open with the key in keys\.kekFile.*Nothing was changed/);
  expect(await tree(other)).toEqual({});
  expect(await rows()).toEqual(stored);
});

test('no key-encryption key: it is asked for, and none is made', async () => {
  await rm(join(dir, 'kek'));
  await expect(born(configOf('one'))).rejects.toThrow(/KEK .*kek is not there/);
  expect(await readdir(dir)).not.toContain('kek');
});

test('keys that lay in files go into the database as they are', async () => {
  const files = configOf('one', '{ in: files }');
  await born(files);
  const before = await readFile(keyFiles(files.dataDir).natsKeys, 'utf8');
  await writeFile(join(dir, 'kek'), await readFile(dataFiles(files.dataDir).kek), { mode: 0o600 });
  await born(configOf('one'));
  const later = configOf('two');
  await born(later);
  expect(await readFile(keyFiles(later.dataDir).natsKeys, 'utf8')).toBe(before);
});
