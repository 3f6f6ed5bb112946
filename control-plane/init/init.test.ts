/** Birth on a real database: complete, closed to others, and the same thing the second time. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { parseToken } from '@portolan/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Config, dataFiles } from '../config.ts';
import { openDatabase } from '../db/index.ts';
import { kekOf, readKekFile } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import { writePrivately } from '../keys/private-files.ts';
import { readAuthority } from '../mesh-ca/authority.ts';
import { certificatePem, keyPem, X509Certificate } from '../mesh-ca/x509.ts';
import { testConfig } from '../test/backbone.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';
import { authenticate } from '../tokens/index.ts';
import { init } from './init.ts';
import { ensureSiteCertificate } from './site-certificate.ts';

const DAY = 86_400_000;
let postgres: TestPostgres;
let dir: string;
let config: Config;

beforeAll(async () => {
  postgres = await startTestPostgres();
  dir = await mkdtemp(join(tmpdir(), 'portolan-init-'));
  config = testConfig({ dir, port: 14_222, monitor: 18_222, extra: '' }, postgres.address);
}, 60_000);
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

async function born(): Promise<string[]> {
  const lines: string[] = [];
  await init(config, (line) => lines.push(line));
  return lines;
}
async function tree(): Promise<Map<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (path) => [path, await readFile(path, 'hex')] as const)));
}

test('the first time it makes everything, one line each; the second time nothing', async () => {
  const first = await born();
  for (const part of [
    'mesh root',
    'mesh issuer',
    'signing key',
    'key-encryption key',
    'NATS operator',
    'site CA',
    'site certificate',
    'NATS configuration',
    'migration 0001-first',
    'admin token',
  ])
    expect(
      first.filter((line) => line.includes(part)),
      part,
    ).toHaveLength(1);
  const before = await tree();
  expect(await born()).toEqual([]);
  expect(await tree()).toEqual(before);
});

test('nothing of it is open to others', async () => {
  for (const entry of await readdir(config.dataDir, { recursive: true, withFileTypes: true })) {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    expect([entry.name, (mode & 0o777).toString(8)]).toEqual([entry.name, entry.isDirectory() ? '700' : '600']);
  }
});

test("authorities' keys are under the KEK; one that lies in clear, as an older stack has it, is sealed", async () => {
  const files = keyFiles(config.dataDir);
  const kek = await readKekFile(dataFiles(config.dataDir).kek);
  const paths = [files.meshRoot, files.meshIssuer, files.siteRoot];
  const held = await Promise.all(paths.map((path) => readAuthority(path, 'Authority', kek)));
  for (const path of paths) expect(await readFile(path, 'utf8')).not.toContain('PRIVATE');
  await expect(readAuthority(files.meshRoot, 'Mesh root', kekOf(Buffer.alloc(32)))).rejects.toThrow('does not open');

  for (const [at, { certificate, key }] of held.entries())
    await writePrivately(paths[at] ?? '', (await keyPem(key)) + certificatePem(certificate));
  expect(await born()).toEqual(paths.map((path) => `made sealed key in ${path}`));
  for (const [at, path] of paths.entries()) {
    expect(await readFile(path, 'utf8')).not.toContain('PRIVATE');
    const { certificate, key } = await readAuthority(path, 'Authority', kek);
    expect([certificate.serialNumber, await keyPem(key)]).toEqual([
      held[at]?.certificate.serialNumber,
      held[at] && (await keyPem(held[at].key)),
    ]);
  }
});

test('no line that it prints holds a secret', async () => {
  await rm(config.dataDir, { recursive: true });
  const lines = (await born()).join('\n');
  const files = await tree();
  expect(files.size).toBeGreaterThan(8);
  expect(lines).not.toMatch(/ptl_|BEGIN|eyJ|"d"/);
});

test('the admin token opens the API; a lost row comes back for the same text, a lost file is made anew', async () => {
  const { db, close } = openDatabase(config.database);
  const path = dataFiles(config.dataDir).adminToken;
  const text = (await readFile(path, 'utf8')).trim();
  const header = `Bearer ${text}`;
  await expect(authenticate(db, header, Date.now())).resolves.toMatchObject({ tokenId: parseToken(text)?.id });
  expect((await db.selectFrom('grants').select('name').execute()).length).toBe(0);

  await db.deleteFrom('tokens').execute();
  expect(await born()).toEqual([expect.stringContaining('row of the admin token')]);
  await expect(authenticate(db, header, Date.now())).resolves.toBeDefined();
  expect((await readFile(path, 'utf8')).trim()).toBe(text);

  await rm(path);
  expect(await born()).toEqual([expect.stringContaining('admin token')]);
  const next = (await readFile(path, 'utf8')).trim();
  expect(next).not.toBe(text);
  await expect(authenticate(db, `Bearer ${next}`, Date.now())).resolves.toBeDefined();

  await db
    .updateTable('tokens')
    .set({ revoked_at: new Date() })
    .where('id', '=', parseToken(next)?.id ?? '')
    .execute();
  expect(await born()).toEqual([expect.stringContaining('is revoked')]);
  expect((await readFile(path, 'utf8')).trim()).toBe(next);
  await rm(path);
  await born();
  await close();
});

test("the site's certificate is renewed with 30 days left and when the hosts change, under the same CA", async () => {
  const files = dataFiles(config.dataDir);
  const read = async () => new X509Certificate(await readFile(files.siteCertificate, 'utf8'));
  const site = { dataDir: config.dataDir, kek: await readKekFile(files.kek) };
  const ca = await readFile(files.siteCa, 'utf8');
  const hosts = ['localhost', '127.0.0.1'];
  const first = await read();
  const end = first.notAfter.getTime();
  expect(await ensureSiteCertificate(site, hosts, end - 31 * DAY)).toEqual({ ca: false, leaf: false });
  expect(await ensureSiteCertificate(site, hosts, end - 29 * DAY)).toEqual({ ca: false, leaf: true });
  expect((await read()).serialNumber).not.toBe(first.serialNumber);
  expect(await ensureSiteCertificate(site, [...hosts, '::1'], Date.now())).toEqual({ ca: false, leaf: true });
  expect(await ensureSiteCertificate(site, [...hosts, '::1'], Date.now())).toEqual({
    ca: false,
    leaf: false,
  });
  expect(await readFile(files.siteCa, 'utf8')).toBe(ca);
  expect(await (await read()).verify({ publicKey: new X509Certificate(ca).publicKey })).toBe(true);
  // a torn pair is made whole
  await rm(files.siteKey);
  expect(await ensureSiteCertificate(site, hosts, Date.now())).toEqual({ ca: false, leaf: true });
  const pair = { cert: await readFile(files.siteCertificate), key: await readFile(files.siteKey) };
  expect(() => createSecureContext(pair)).not.toThrow();
});

test('nats.conf follows the configuration', async () => {
  const path = dataFiles(config.dataDir).natsConf;
  await writeFile(path, 'edited');
  expect(await born()).toEqual([expect.stringContaining('NATS configuration')]);
  const text = await readFile(path, 'utf8');
  expect(text).toContain('listen: "127.0.0.1:14222"');
  expect(text).toContain(keyFiles(config.dataDir).meshCa);
  expect(text).toMatch(/verify: true[\s\S]*handshake_first: true[\s\S]*sync_interval: always\n {2}cipher: aes/);
});
