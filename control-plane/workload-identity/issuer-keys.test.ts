/** The keys of an issuer over https: fetched seldom, known for a while, and never much of anything. */
import type { WorkloadIdentity } from '@portolan/core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Cluster } from '../test/cluster.ts';
import { type JwksHost, json, startJwksHost } from '../test/jwks-host.ts';
import { type VerifyWorkload, workloadVerifier } from './index.ts';

const MINUTE = 60_000;
let host: JwksHost;
let cluster: Cluster;
let identity: WorkloadIdentity;
let ahead = 0;
const now = (): number => Date.now() + ahead;
let verify: VerifyWorkload;

beforeAll(async () => {
  host = await startJwksHost();
});
afterAll(() => host?.[Symbol.asyncDispose]());
beforeEach(async () => {
  cluster = await Cluster.start('aws');
  identity = { ...cluster.identity, jwks: { url: host.url } };
  host.answer = json({ keys: [cluster.publicKey] });
  host.asked = 0;
  ahead = 0;
  verify = workloadVerifier(now);
});

const token = (of = cluster) => of.token({ issuedAt: now() });
const away = { name: 'KeysAway' };

describe('keys at a URL', () => {
  test('are fetched once for many tokens, and again after ten minutes', async () => {
    await Promise.all(Array.from({ length: 20 }, async () => verify(await token(), identity)));
    expect(host.asked).toBe(1);
    ahead = 11 * MINUTE;
    await verify(await token(), identity);
    expect(host.asked).toBe(2);
  });

  test('keep what an issuer adds out, and pass over what is no public signature key', async () => {
    const extras = { x5c: ['x'], x5t: 'x', key_ops: ['verify'] };
    const others = [
      { kty: 'oct', k: 'c2VjcmV0', kid: 'k' },
      { kty: 'ML-KEM' },
      {},
      { ...cluster.publicKey, use: 'enc', kid: 'e' },
    ];
    host.answer = json({ keys: [...others, { ...cluster.publicKey, ...extras }], extra: true });
    await expect(verify(await token(), identity)).resolves.toBeDefined();
  });

  test('of which one is new are fetched again, once in 30 s', async () => {
    await verify(await token(), identity);
    const next = await Cluster.start('aws');
    host.answer = json({ keys: [cluster.publicKey, next.publicKey] });
    await expect(verify(await token(next), identity)).rejects.toMatchObject({ name: 'WorkloadRefused' });
    ahead = 31_000;
    await expect(verify(await token(next), identity)).resolves.toBeDefined();
    expect(host.asked).toBe(2);
  });

  test('that were withdrawn are believed for ten minutes more', async () => {
    await verify(await token(), identity);
    host.answer = json({ keys: [(await Cluster.start('aws')).publicKey] });
    ahead = 9 * MINUTE;
    await expect(verify(await token(), identity)).resolves.toBeDefined();
    ahead = 11 * MINUTE;
    await expect(verify(await token(), identity)).rejects.toMatchObject({ name: 'WorkloadRefused' });
  });

  test('hold for a day while their issuer is away', async () => {
    await verify(await token(), identity);
    host.answer = (_, response) => response.destroy();
    ahead = 23 * 60 * MINUTE;
    await expect(verify(await token(), identity)).resolves.toBeDefined();
    ahead = 25 * 60 * MINUTE;
    await expect(verify(await token(), identity)).rejects.toMatchObject(away);
  });
});
