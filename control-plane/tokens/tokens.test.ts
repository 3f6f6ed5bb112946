/** Tokens over the API: shown once, kept as digests, revoked at once; and who may call at all. */
import { hopKey, parseToken, secretDigest } from '@portolan/core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hopKeyAad } from '../keys/kek.ts';
import { insertToken, startTestApi, type TestApi } from '../test/api.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';

let server: TestPostgres;
let api: TestApi;

beforeAll(async () => {
  server = await startTestPostgres();
  api = await startTestApi(await server.schema('tokens'));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await api.reset();
  await api.ask('PUT', '/users/alice', {});
  await api.ask('PUT', '/virtual-accounts/ci', { owner: 'alice' });
  await api.outbox();
});

const issue = (kind: string, name: string, more = {}) =>
  api.ask('POST', '/tokens', { principal: { kind, name }, ...more });

describe('issue', () => {
  test('a PAT for a user, a VAT for a virtual account; kept are a digest and a sealed key', async () => {
    const pat = await issue('user', 'alice', { description: 'laptop', expiresInSeconds: 3_600 });
    expect(pat).toMatchObject({
      status: 201,
      body: {
        kind: 'pat',
        principal: { kind: 'user', name: 'alice' },
        role: null,
        description: 'laptop',
        revokedAt: null,
      },
    });
    const token = parseToken(pat.body.token);
    expect(token).toMatchObject({ kind: 'pat', id: pat.body.id });
    expect(pat.body.token.endsWith(pat.body.last4)).toBe(true);
    expect(Date.parse(pat.body.expiresAt) - Date.parse(pat.body.createdAt)).toBe(3_600_000);
    const row = await api.db.selectFrom('tokens').selectAll().where('id', '=', pat.body.id).executeTakeFirstOrThrow();
    expect(row.sha256).toEqual(secretDigest(token?.secret ?? ''));
    expect(await api.kek.open(row.sealed_hop_key, hopKeyAad(row.id))).toEqual(hopKey(token?.secret ?? ''));
    expect(JSON.stringify(row)).not.toContain(token?.secret);
    expect((await issue('virtual-account', 'ci')).body).toMatchObject({
      kind: 'vat',
      token: expect.stringMatching(/^ptl_vat_/),
    });
    expect((await api.outbox())[0]).toBe(`token ${pat.body.id}`);
  });

  test('the text is in no other answer and in no log line', async () => {
    const { body } = await issue('user', 'alice');
    const secret = parseToken(body.token)?.secret ?? '';
    const list = await api.ask('GET', '/tokens');
    const one = await api.ask('GET', `/tokens/${body.id}`);
    expect(one.body).toMatchObject({ id: body.id, last4: body.last4 });
    for (const text of [JSON.stringify(list.body), JSON.stringify(one.body), api.log.join('')])
      expect(text).not.toContain(secret);
    expect(api.log.join('')).toContain('"msg":"change"');
  });

  test('not for someone who does not exist, nor for longer than a year', async () => {
    expect(await issue('user', 'mars')).toMatchObject({ status: 422, body: { error: { path: 'principal.name' } } });
    expect(await issue('user', 'alice', { expiresInSeconds: 366 * 86_400 })).toMatchObject({
      status: 400,
      body: { error: { path: 'expiresInSeconds' } },
    });
    expect(await issue('user', 'alice', { role: 'admin' })).toMatchObject({ status: 400 });
  });
});

test('lists by principal, newest first, page by page', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i += 1) ids.unshift((await issue('user', 'alice')).body.id);
  await issue('virtual-account', 'ci');
  const first = await api.ask('GET', '/tokens?principal=user:alice&limit=3');
  const second = await api.ask('GET', `/tokens?principal=user:alice&limit=3&cursor=${first.body.next}`);
  expect([...first.body.items, ...second.body.items].map((item) => item.id)).toEqual(ids);
  expect(second.body).not.toHaveProperty('next');
  expect((await api.ask('GET', '/tokens?principal=alice')).body.error.path).toBe('principal');
});

describe('revoke', () => {
  test('once, twice, and of what is not there', async () => {
    const { body } = await issue('user', 'alice');
    await api.outbox();
    expect((await api.ask('DELETE', `/tokens/${body.id}`)).status).toBe(204);
    expect((await api.ask('DELETE', `/tokens/${body.id}`)).status).toBe(204);
    expect(await api.outbox()).toEqual([`token ${body.id}`]);
    expect((await api.ask('GET', `/tokens/${body.id}`)).body.revokedAt).not.toBeNull();
    expect((await api.ask('DELETE', '/tokens/0000000000')).status).toBe(404);
  });

  test('with a user die its tokens, and do not come back with the name', async () => {
    const { body } = await issue('virtual-account', 'ci');
    await api.ask('DELETE', '/virtual-accounts/ci');
    await api.ask('PUT', '/virtual-accounts/ci', { owner: 'alice' });
    expect((await api.ask('GET', `/tokens/${body.id}`)).body.revokedAt).not.toBeNull();
  });

  test('the last admin token stays; one of two may go, and is refused from then on', async () => {
    const id = parseToken(api.admin)?.id;
    expect(await api.ask('DELETE', `/tokens/${id}`)).toMatchObject({
      status: 409,
      body: { error: { code: 'in_use' } },
    });
    const other = await insertToken(api.db, api.kek, { role: 'admin', expiresAt: new Date(Date.now() + 60_000) });
    expect((await api.ask('DELETE', `/tokens/${id}`, undefined, other)).status).toBe(204);
    expect((await api.ask('GET', '/users')).status).toBe(401);
    expect((await api.ask('GET', '/users', undefined, other)).status).toBe(200);
  });

  test('two admin tokens that revoke each other at once: one stays', async () => {
    const other = await insertToken(api.db, api.kek, { role: 'admin', expiresAt: new Date(Date.now() + 60_000) });
    const [ours, theirs] = [parseToken(api.admin)?.id, parseToken(other)?.id];
    const replies = await Promise.all([
      api.ask('DELETE', `/tokens/${theirs}`),
      api.ask('DELETE', `/tokens/${ours}`, undefined, other),
    ]);
    expect(replies.filter((reply) => reply.status === 204)).toHaveLength(1);
  });
});

describe('who may call', () => {
  test.each([
    ['no token', () => ''],
    ['not a token', () => 'hunter2'],
    ['a wrong checksum', () => `${api.admin.slice(0, -1)}${api.admin.endsWith('0') ? '1' : '0'}`],
    ['an unknown one', () => unknownToken()],
    ['an expired one', () => insertToken(api.db, api.kek, { role: 'admin', expiresAt: new Date(Date.now() - 1) })],
    [
      'a revoked one',
      () =>
        insertToken(api.db, api.kek, {
          role: 'admin',
          expiresAt: new Date(Date.now() + 60_000),
          revokedAt: new Date(),
        }),
    ],
  ])('%s: 401 with a challenge', async (_, token) => {
    const reply = await api.ask('GET', '/users', undefined, await token());
    expect(reply).toMatchObject({
      status: 401,
      body: { error: { code: 'unauthorized' } },
      headers: { 'www-authenticate': 'Bearer realm="portolan"' },
    });
  });

  test("a caller's token: 403", async () => {
    const { body } = await issue('user', 'alice');
    expect(await api.ask('GET', '/users', undefined, body.token)).toMatchObject({
      status: 403,
      body: { error: { code: 'forbidden' } },
    });
  });

  test('is asked before the body is read', async () => {
    const reply = await api.ask('PUT', '/users/alice', '{ this is not JSON', '');
    expect(reply.status).toBe(401);
  });

  test('every route but those that prove by their body, and the document, asks', async () => {
    const provenByBody = ['/api/v1/enroll', '/api/v1/nats-servers/enroll', '/api/v1/nats-servers/certificate'];
    const { body } = await api.ask('GET', '/openapi.json', undefined, '');
    for (const [path, methods] of Object.entries(body.paths as Record<string, Record<string, { security: object[] }>>))
      for (const [method, { security }] of Object.entries(methods)) {
        const url = path.replace('/api/v1', '').replace(/\{\w+\}/g, 'x');
        const reply = await api.ask(method.toUpperCase() as 'GET', url, undefined, '');
        const expected = security.some((one) => 'mesh' in one) ? 404 : provenByBody.includes(path) ? 400 : 401;
        expect([method, path, reply.status]).toEqual([method, path, expected]);
      }
  });
});

/** Right in form, known to nobody. */
async function unknownToken(): Promise<string> {
  const text = await insertToken(api.db, api.kek, { role: 'admin', expiresAt: new Date(Date.now() + 60_000) });
  await api.db
    .deleteFrom('tokens')
    .where('id', '=', parseToken(text)?.id ?? '')
    .execute();
  return text;
}
