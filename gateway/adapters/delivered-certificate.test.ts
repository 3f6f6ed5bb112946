import { createPublicKey } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeliveredCertificate as Delivered } from '@portolan/core';
import { CompactEncrypt, importJWK } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Log } from '../ports.ts';
import { DeliveredCertificate } from './delivered-certificate.ts';
import { type GatewayKeys, keepKeys } from './identity/keys.ts';
import { Authority, type Leaf } from './stand-in/authority.ts';

let folder: string;
let site: Authority;
let keys: GatewayKeys;
let alarms: string[];
const log: Log = { info: () => undefined, warn: () => undefined, error: (_fields, text) => void alarms.push(text) };
const FILE = 'public-certificate.json';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'delivered-'));
  site = await Authority.make('site');
  keys = await keepKeys(join(folder, 'one'));
  alarms = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const newLeaf = (): Promise<Leaf> => site.leaf([{ type: 'dns', value: 'gateway.example.com' }]);
async function delivered({ chain }: Leaf, key: string, ...to: readonly GatewayKeys[]): Promise<Delivered> {
  const sealed = to.map(async ({ replica, sealKey }) => {
    const jwk = await importJWK({ ...createPublicKey(sealKey).export({ format: 'jwk' }) }, 'ECDH-ES+A256KW');
    const jwe = new CompactEncrypt(Buffer.from(key)).setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' });
    return [replica, await jwe.encrypt(jwk)] as const;
  });
  return { chain, sealed: Object.fromEntries(await Promise.all(sealed)) };
}
const open = ({ replica, sealKey }: GatewayKeys, where = 'one') =>
  new DeliveredCertificate({ folder: join(folder, where), replica, sealKey, log });

test('a delivered certificate is taken up at once, and again after a restart with nobody to ask', async () => {
  const certificate = open(keys);
  let changes = 0;
  certificate.onChange(() => (changes += 1));
  expect(certificate.current()).toBeUndefined();
  const [first, second] = [await newLeaf(), await newLeaf()];
  await certificate.adopt(await delivered(first, first.key, keys));
  expect(certificate.current()).toEqual({ key: first.key, chain: first.chain });
  await certificate.adopt(await delivered(first, first.key, keys)); // sealed anew, the same certificate
  expect(changes).toBe(1);
  await certificate.adopt(await delivered(second, second.key, keys));
  expect([certificate.current()?.chain, changes]).toEqual([second.chain, 2]);
  const restarted = open(keys);
  await restarted.restore();
  expect(restarted.current()).toEqual({ key: second.key, chain: second.chain });
  const file = join(folder, 'one', FILE);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, 'utf8')).not.toContain(second.key.split('\n')[1]);
  expect(alarms).toEqual([]);
});

test('on the disk of another replica the key does not open', async () => {
  const certificate = open(keys);
  const leaf = await newLeaf();
  await certificate.adopt(await delivered(leaf, leaf.key, keys));
  const thief = await keepKeys(join(folder, 'two'));
  await cp(join(folder, 'one', FILE), join(folder, 'two', FILE));
  const stolen = open(thief, 'two');
  await stolen.restore();
  expect([stolen.current(), alarms.length]).toEqual([undefined, 1]);
  // nor does it where the thief gives the other's sealed key its own name
  const { chain, sealed } = await delivered(leaf, leaf.key, keys);
  await stolen.adopt({ chain, sealed: { [thief.replica]: sealed[keys.replica] ?? '' } });
  expect([stolen.current(), alarms.length]).toEqual([undefined, 2]);
});

test('one without a key for this replica, with the key of another certificate, or damaged leaves the one in use', async () => {
  const certificate = open(keys);
  const [good, other] = [await newLeaf(), await newLeaf()];
  await certificate.adopt(await delivered(good, good.key, keys));
  await certificate.adopt(undefined);
  await certificate.adopt(await delivered(other, other.key));
  expect(alarms).toEqual([]);
  await certificate.adopt(await delivered(other, good.key, keys));
  await certificate.adopt({ chain: other.chain, sealed: { [keys.replica]: 'no.jwe' } });
  expect([certificate.current()?.chain, alarms.length]).toEqual([good.chain, 2]);
  await writeFile(join(folder, 'one', FILE), '{');
  const restarted = open(keys);
  await restarted.restore();
  await restarted.adopt(await delivered(other, other.key, keys));
  expect([restarted.current()?.chain, alarms.length]).toEqual([other.chain, 3]);
});
