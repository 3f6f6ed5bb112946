/** What makes a service-account token acceptable, and each way in which one is not. */
import { createSign, generateKeyPairSync } from 'node:crypto';
import type { WorkloadIdentity, WorkloadKey } from '@portolan/core';
import { exportJWK, importJWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Claimed, Cluster, makePod } from '../test/cluster.ts';
import { workloadVerifier } from './index.ts';

const HOUR = 3_600_000;
let cluster: Cluster;
let identity: WorkloadIdentity;
const clock = Date.now;
const verify = workloadVerifier(() => clock());

beforeAll(async () => {
  cluster = await Cluster.start('aws');
  identity = cluster.identity;
});

describe('a projected token', () => {
  test.each(['RS256', 'ES256', 'ES384', 'EdDSA'])('of %s names its pod and its end', async (alg) => {
    const other = await Cluster.start('azure', alg);
    const pod = makePod();
    const issuedAt = Math.floor(Date.now() / 1_000) * 1_000;
    const token = await other.token({ pod, issuedAt, lifeSeconds: 600 });
    await expect(verify(token, other.identity)).resolves.toEqual({
      subject: 'system:serviceaccount:portolan-azure:gateway',
      pod,
      expiresAt: issuedAt + 600_000,
    });
  });

  test('holds within 30 s of its times, because clocks differ', async () => {
    const token = await cluster.token({ issuedAt: Date.now() - HOUR - 20_000 });
    await expect(verify(token, identity)).resolves.toMatchObject({ pod: {} });
    await expect(verify(await cluster.token({ issuedAt: Date.now() + 20_000 }), identity)).resolves.toBeDefined();
  });
});

describe('is refused, and its sender is told', () => {
  const cases: readonly (readonly [string, Claimed, string])[] = [
    ['expired', { issuedAt: Date.now() - 2 * HOUR }, 'has expired'],
    ['not yet valid', { issuedAt: Date.now() + HOUR }, 'is not valid yet: compare the clocks'],
    ['another audience', { audience: 'https://kubernetes.default.svc' }, 'is for another audience'],
    [
      'two audiences, ours among them',
      { audience: ['https://control.portolan.example', 'x'] },
      'is for more than one audience',
    ],
    ['no pod', { pod: undefined }, 'is not bound to a pod: it must be a projected one'],
    [
      'a life of a year',
      { lifeSeconds: 31_536_000 },
      'lives longer than 24 h: give the projected volume shorter expirationSeconds',
    ],
  ];
  test.each(cases)('%s', async (_, claimed, told) => {
    await expect(verify(await cluster.token(claimed), identity)).rejects.toMatchObject({
      name: 'WorkloadRefused',
      told,
    });
  });
});

describe('is refused, and its sender is told nothing', () => {
  const namespace = 'kubernetes.io';
  const claims = (changed: object): Claimed => ({
    claims: { [namespace]: { ...(cluster.payload()[namespace] as object), ...changed } },
  });
  const cases: readonly (readonly [string, () => Claimed])[] = [
    ['another namespace', () => ({ namespace: 'default' })],
    ['another service account', () => ({ serviceAccount: 'default' })],
    ['another issuer', () => ({ issuer: 'https://other.cluster.example' })],
    ['a subject that its private claims contradict: namespace', () => claims({ namespace: 'default' })],
    [
      'a subject that its private claims contradict: account',
      () => claims({ serviceaccount: { name: 'default', uid: '1' } }),
    ],
    [
      'another subject than its private claims say',
      () => ({ claims: { sub: 'system:serviceaccount:default:gateway' } }),
    ],
    ['no private claims (a token of another kind of the same issuer)', () => ({ claims: { [namespace]: undefined } })],
    ['a pod without uid', () => claims({ pod: { name: 'gateway' } })],
    ['no time of issue', () => ({ claims: { iat: undefined } })],
    ['no end', () => ({ claims: { exp: undefined } })],
  ];
  test.each(cases)('%s', async (_, claimed) => {
    await expect(verify(await cluster.token(claimed()), identity)).rejects.toMatchObject({
      name: 'WorkloadRefused',
      told: undefined,
    });
  });

  test('whatever it says, when another cluster signed it: not even that it has expired', async () => {
    const forger = await Cluster.start('aws');
    const kid = { kid: cluster.publicKey.kid };
    for (const claimed of [{}, { issuedAt: Date.now() - 2 * HOUR }, { audience: 'x' }, { pod: undefined }])
      for (const header of [{}, kid])
        await expect(verify(await forger.token({ ...claimed, header }), identity)).rejects.toMatchObject({
          name: 'WorkloadRefused',
          told: undefined,
        });
  });

  test('texts that are no token, and ones without measure', async () => {
    const token = await cluster.token();
    const [header, payload] = token.split('.');
    for (const text of [
      '',
      'x',
      '..',
      'a.b.c',
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${token}.x`,
      'x'.repeat(20_000),
    ])
      await expect(verify(text, identity)).rejects.toMatchObject({ name: 'WorkloadRefused', told: undefined });
  });

  test('a key that the token brings along', async () => {
    const forger = await Cluster.start('aws');
    const header = { jwk: forger.publicKey, jku: 'https://127.0.0.1:1/keys', kid: forger.publicKey.kid };
    await expect(verify(await forger.token({ header }), identity)).rejects.toMatchObject({ told: undefined });
  });

  test('an RSA key of 1024 bits', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
    const weak = { ...identity, jwks: { keys: [{ kty: 'RSA' as const, kid: 'weak', n, e }] } };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${part({ alg: 'RS256', kid: 'weak' })}.${part(cluster.payload())}`;
    const token = `${text}.${createSign('sha256').update(text).sign(privateKey).toString('base64url')}`;
    await expect(verify(token, weak)).rejects.toMatchObject({ name: 'WorkloadRefused', told: undefined });
  });
});

test('the error of a refusal holds nothing of the token', async () => {
  const token = await cluster.token({ namespace: 'default' });
  const error = await verify(token, identity).catch((thrown: unknown) => thrown as Error);
  const text = JSON.stringify([String(error), (error as Error).stack, Object.entries(error as Error)]);
  for (const part of token.split('.')) expect(text).not.toContain(part);
});

test.each(['RS384', 'RS512', 'PS256'])(
  '%s is refused, though the key is right and says nothing of algorithms',
  async (alg) => {
    const { kty, kid, n = '', e = '' } = cluster.publicKey as Extract<WorkloadKey, { kty: 'RSA' }>;
    const key = await importJWK({ ...(await exportJWK(cluster.privateKey)), alg }, alg);
    const token = await new SignJWT(cluster.payload()).setProtectedHeader({ alg, kid }).sign(key);
    const silent = { ...identity, jwks: { keys: [{ kty, kid, n, e }] } };
    await expect(verify(await cluster.token(), silent)).resolves.toBeDefined();
    await expect(verify(token, silent)).rejects.toMatchObject({ told: undefined });
  },
);
