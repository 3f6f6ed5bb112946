import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Log } from '../ports.ts';
import { openPublicCertificate } from './public-certificate.ts';
import { Authority, type Leaf } from './stand-in/authority.ts';

let folder: string;
let site: Authority;
let errors: string[];
const log: Log = { info: () => undefined, warn: () => undefined, error: (_fields, text) => void errors.push(text) };
const files = () => ({ certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') });
const newLeaf = (): Promise<Leaf> => site.leaf([{ type: 'dns', value: 'localhost' }]);
async function put({ chain, key }: Leaf): Promise<void> {
  await writeFile(files().certFile, chain);
  await writeFile(files().keyFile, key);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'public-'));
  site = await Authority.make('site');
  errors = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a renewed pair is taken up once, a half-written one leaves the pair in use', async () => {
  await put(await newLeaf());
  const certificate = await openPublicCertificate(files(), log);
  const before = certificate.current();
  let changes = 0;
  certificate.onChange(() => (changes += 1));
  const next = await newLeaf();
  await writeFile(files().certFile, next.chain);
  await certificate.look();
  expect([certificate.current() === before, changes, errors.length]).toEqual([true, 0, 1]);
  await put(next);
  await certificate.look();
  await certificate.look();
  expect([certificate.current(), changes]).toEqual([{ key: next.key, chain: next.chain }, 1]);
  await rm(files().certFile);
  await certificate.look();
  expect(certificate.current().chain).toBe(next.chain);
});

test('a pair that cannot be used from the start is refused with the names of its files', async () => {
  await expect(openPublicCertificate(files(), log)).rejects.toThrow(/tls\.(crt|key)/);
  await put({ ...(await newLeaf()), key: (await newLeaf()).key });
  await expect(openPublicCertificate(files(), log)).rejects.toThrow(/tls\.key: is not the key of the certificate/);
  await put({ chain: 'no', key: 'pem' });
  await expect(openPublicCertificate(files(), log)).rejects.toThrow(/expected a PEM certificate chain/);
});
