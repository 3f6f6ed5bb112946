/** What happens to gateways over their lives, and which of them may call each other. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/api.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';
import { gatewaysWithOwnCertificates, put } from './index.ts';

let server: TestPostgres;
let api: TestApi;

beforeAll(async () => {
  server = await startTestPostgres();
  api = await startTestApi(await server.schema('gateways'));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(() => api.reset());

const gateway = (name: string) => api.ask('PUT', `/gateways/${name}`, { url: `https://${name}.example.com:8443` });

test('a gateway may have its certificate by ACME where its host is a DNS name', async () => {
  const put = (url: string, name = 'aws') => api.ask('PUT', `/gateways/${name}`, { url, certificate: 'acme' });
  expect(await put('https://aws.example.com')).toMatchObject({ status: 201, body: { certificate: 'acme' } });
  expect((await put('https://aws.example.com')).status).toBe(200);
  for (const url of ['https://10.0.0.7', 'https://[::1]:8443', 'https://localhost'])
    expect(await put(url, 'other')).toMatchObject({
      status: 400,
      body: { error: { path: 'certificate', message: expect.stringContaining('a DNS name of at least two labels') } },
    });
  const { body } = await api.ask('PUT', '/gateways/aws', { url: 'https://aws.example.com' });
  expect(body).not.toHaveProperty('certificate');
});

test('a control plane that orders no certificates refuses a gateway that wants one', async () => {
  const refused = put(api.db, gatewaysWithOwnCertificates, 'aws', {
    url: 'https://aws.example.com',
    certificate: 'acme',
  });
  await expect(refused).rejects.toMatchObject({ code: 'invalid_body', path: 'certificate' });
});

test('a gateway retires: out of the matrix, its replicas revoked; its name starts a new life', async () => {
  await gateway('aws');
  const { body: before } = await gateway('gcp');
  await api.ask('PUT', '/peer-matrix', { pairs: [['aws', 'gcp']] });
  await api.db
    .insertInto('gateway_replicas')
    .values({
      gateway: 'gcp',
      replica: 'r',
      seal_jwk: '{}',
      nkey: 'U',
      certificate_serial: '1',
      certificate_not_after: new Date(Date.now() - 1_000),
    })
    .execute();
  // its certificate has expired: it needs a new way in
  expect((await api.ask('GET', '/gateways/gcp')).body.enrolled).toBe(false);
  await api.db
    .updateTable('gateway_replicas')
    .set({ certificate_not_after: new Date(Date.now() + 60_000) })
    .execute();
  expect((await api.ask('GET', '/gateways/gcp')).body.enrolled).toBe(true);
  await api.outbox();
  expect((await api.ask('DELETE', '/gateways/gcp')).status).toBe(204);
  expect(await api.outbox()).toEqual(['peer-matrix gcp', 'gateway gcp']);
  expect((await api.ask('GET', '/gateways/gcp')).status).toBe(404);
  expect((await api.ask('DELETE', '/gateways/gcp')).status).toBe(404);
  expect((await api.ask('GET', '/gateways')).body.items).toHaveLength(1);
  expect((await api.ask('GET', '/peer-matrix')).body).toEqual({ pairs: [] });
  expect((await api.ask('PUT', '/mcp-servers/x', { url: 'http://x', gateway: 'gcp' })).status).toBe(422);
  expect((await api.ask('GET', '/status')).body.gateways).toMatchObject([
    { name: 'aws' },
    { name: 'gcp', status: 'retired' },
  ]);
  const revived = await gateway('gcp');
  expect(revived).toMatchObject({ status: 201, body: { status: 'active', enrolled: false } });
  expect(revived.body.createdAt > before.createdAt).toBe(true);
  const row = await api.db
    .selectFrom('gateways')
    .select('min_issued_at')
    .where('name', '=', 'gcp')
    .executeTakeFirstOrThrow();
  expect(row.min_issued_at.getTime()).toBeGreaterThan(Date.now() - 60_000);
  expect(row.min_issued_at.getMilliseconds()).toBe(0);
});

describe('the peer matrix', () => {
  test('is not there, is set, stays the same, goes', async () => {
    for (const name of ['aws', 'azure', 'gcp']) await gateway(name);
    await api.outbox();
    expect((await api.ask('GET', '/peer-matrix')).status).toBe(404);
    expect((await api.ask('DELETE', '/peer-matrix')).status).toBe(404);
    const pairs = [
      ['gcp', 'aws'],
      ['azure', 'aws'],
      ['aws', 'azure'],
    ];
    const normal = {
      pairs: [
        ['aws', 'azure'],
        ['aws', 'gcp'],
      ],
    };
    expect(await api.ask('PUT', '/peer-matrix', { pairs })).toMatchObject({ status: 201, body: normal });
    expect(await api.outbox()).toEqual(['peer-matrix peer-matrix']);
    expect(await api.ask('PUT', '/peer-matrix', normal)).toMatchObject({ status: 200, body: normal });
    expect(await api.outbox()).toEqual([]);
    expect((await api.ask('GET', '/peer-matrix')).body).toEqual(normal);
    expect((await api.ask('DELETE', '/peer-matrix')).status).toBe(204);
    expect((await api.ask('GET', '/peer-matrix')).status).toBe(404);
    expect(await api.outbox()).toEqual(['peer-matrix peer-matrix']);
  });

  test('refuses a gateway that is not there, and one paired with itself', async () => {
    await gateway('aws');
    expect(await api.ask('PUT', '/peer-matrix', { pairs: [['aws', 'mars']] })).toMatchObject({
      status: 422,
      body: { error: { path: 'pairs', message: expect.stringContaining('"mars"') } },
    });
    expect(await api.ask('PUT', '/peer-matrix', { pairs: [['aws', 'aws']] })).toMatchObject({
      status: 400,
      body: { error: { path: 'pairs.0' } },
    });
    expect((await api.ask('GET', '/peer-matrix')).status).toBe(404);
  });
});

describe('workloadIdentity', () => {
  const key = { kty: 'RSA', kid: 'k', n: 'AQAB', e: 'AQAB' };
  const identity = {
    issuer: 'https://oidc.cluster.example/id/1',
    jwks: { keys: [key] },
    audience: 'https://control.example',
    namespace: 'portolan-aws',
    serviceAccount: 'gateway',
  };
  const put = (name: string, workloadIdentity?: object) =>
    api.ask('PUT', `/gateways/${name}`, { url: `https://${name}.example.com`, workloadIdentity });

  test('is kept as it was put, the same twice changes nothing, and absent means nobody', async () => {
    expect(await put('aws', identity)).toMatchObject({ status: 201, body: { workloadIdentity: identity } });
    await api.outbox();
    expect((await put('aws', identity)).status).toBe(200);
    expect(await api.outbox()).toEqual([]);
    const byUrl = { ...identity, jwks: { url: 'https://oidc.cluster.example/keys' } };
    expect((await put('aws', byUrl)).body.workloadIdentity).toEqual(byUrl);
    expect((await put('aws')).body).not.toHaveProperty('workloadIdentity');
  });

  test('of two gateways is 409, until one of them retires or has another audience', async () => {
    await put('aws', identity);
    expect(await put('gcp', identity)).toMatchObject({
      status: 409,
      body: { error: { code: 'conflict', path: 'workloadIdentity', message: expect.stringContaining('"aws"') } },
    });
    expect((await put('gcp', { ...identity, audience: 'other' })).status).toBe(201);
    expect((await put('gcp', identity)).status).toBe(409);
    await api.ask('DELETE', '/gateways/aws');
    expect((await put('gcp', identity)).status).toBe(200);
    expect((await put('aws', identity)).status).toBe(409);
  });

  test.each([
    ['a private key', { jwks: { keys: [{ ...key, d: 'hidden' }] } }, 'workloadIdentity.jwks.keys.0'],
    ['a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'hidden' }] } }, 'workloadIdentity.jwks.keys.0.kty'],
    ['neither url nor keys', { jwks: {} }, 'workloadIdentity.jwks'],
    ['keys over plain HTTP', { jwks: { url: 'http://oidc.example' } }, 'workloadIdentity.jwks.url'],
    ['no audience', { audience: undefined }, 'workloadIdentity.audience'],
    ['a word too many', { pods: 1 }, 'workloadIdentity'],
  ])('with %s is refused by its path, and not repeated', async (_, change, path) => {
    const { status, body } = await put('aws', { ...identity, ...change });
    expect([status, body.error.path]).toEqual([400, path]);
    expect(body.error.message).not.toContain('hidden');
  });
});
