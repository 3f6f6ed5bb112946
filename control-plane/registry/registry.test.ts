/** The registry over its API, on a real PostgreSQL: what is created, refused, left alone, and told to the publisher. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CHANNEL, listen } from '../db/index.ts';
import { startTestApi, type TestApi } from '../test/api.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';

let server: TestPostgres;
let api: TestApi;

beforeAll(async () => {
  server = await startTestPostgres();
  api = await startTestApi(await server.schema('registry'));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await api.reset();
});

const gateway = (name: string, port = 8443) =>
  api.ask('PUT', `/gateways/${name}`, { url: `https://${name}.example.com:${port}` });

/** Two gateways, a server, a user, a virtual account. */
async function world(): Promise<void> {
  await gateway('aws');
  await gateway('azure');
  await api.ask('PUT', '/mcp-servers/mcp-m365', { url: 'http://m365.internal:8080/mcp', gateway: 'azure' });
  await api.ask('PUT', '/users/alice', { displayName: 'Alice' });
  await api.ask('PUT', '/virtual-accounts/ci', { owner: 'alice' });
  await api.outbox();
}

const aliceMay = { principal: { kind: 'user', name: 'alice' }, server: 'mcp-m365', tools: ['get_*'] };

describe('put', () => {
  test('creates, updates, and leaves alone what is the same', async () => {
    const first = await gateway('aws');
    expect(first).toMatchObject({
      status: 201,
      body: {
        name: 'aws',
        url: 'https://aws.example.com:8443',
        dial: 'aws.example.com:8443',
        status: 'active',
        enrolled: false,
        revision: 0,
      },
    });
    const again = await gateway('aws');
    expect(again).toMatchObject({ status: 200, body: first.body });
    expect(await api.outbox()).toEqual(['gateway aws']);
    const moved = await gateway('aws', 9443);
    expect(moved).toMatchObject({
      status: 200,
      body: { dial: 'aws.example.com:9443', createdAt: first.body.createdAt },
    });
    expect(moved.body.updatedAt > first.body.updatedAt).toBe(true);
    expect(await api.outbox()).toEqual(['gateway aws']);
  });

  test('what a body leaves out is taken away', async () => {
    await api.ask('PUT', '/users/alice', { displayName: 'Alice', email: 'alice@example.com' });
    const { body } = await api.ask('PUT', '/users/alice', {});
    expect(Object.keys(body).sort()).toEqual(['createdAt', 'name', 'updatedAt']);
  });

  test('every kind answers by GET what PUT was told', async () => {
    await world();
    const put = await api.ask('PUT', '/grants/alice-m365', aliceMay);
    expect(put).toMatchObject({ status: 201, body: { name: 'alice-m365', effect: 'allow', ...aliceMay } });
    expect(put.body).not.toHaveProperty('everything');
    expect((await api.ask('GET', '/grants/alice-m365')).body).toEqual(put.body);
    expect((await api.ask('GET', '/mcp-servers/mcp-m365')).body).toMatchObject({
      gateway: 'azure',
      proxyUrl: 'https://azure.example.com:8443',
    });
    const settings = {
      tools: { include: ['get_*', 'list_*'], exclude: ['get_secret'] },
      headers: { names: ['X-Tenant'], mayOverrideAuth: true },
      deadlines: { totalSeconds: 60, idleSeconds: 5 },
    };
    const m365 = { url: 'http://m365.internal:8080/mcp', gateway: 'azure', ...settings };
    await api.ask('PUT', '/mcp-servers/mcp-m365', m365);
    expect((await api.ask('PUT', '/mcp-servers/mcp-m365', m365)).body).toMatchObject(m365);
    expect((await api.ask('GET', '/virtual-accounts/ci')).body).toMatchObject({ owner: 'alice' });
    // twice the same is one change
    expect(await api.outbox()).toEqual(['grant alice-m365', 'mcp-server mcp-m365']);
  });

  test('two at once create once', async () => {
    const replies = await Promise.all(Array.from({ length: 8 }, () => gateway('aws')));
    expect(replies.map((reply) => reply.status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(await api.outbox()).toEqual(['gateway aws']);
  });

  test('notifies whoever listens, at the commit', async () => {
    const stop = new AbortController();
    const heard = { count: 0 };
    const listening = listen({
      address: addressOf(),
      channel: CHANNEL,
      signal: stop.signal,
      onNotify: () => (heard.count += 1),
      onAway: () => {},
    });
    await expect.poll(() => heard.count).toBe(1); // connected
    await gateway('aws');
    await expect.poll(() => heard.count).toBe(2);
    stop.abort();
    await listening;
  });
});

const addressOf = () => server.address;

describe('refusals name what, where and what to do', () => {
  test.each([
    [
      'unknown key',
      'PUT',
      '/users/alice',
      { shoeSize: 42 },
      400,
      { code: 'invalid_body', message: expect.stringContaining('shoeSize') },
    ],
    [
      'bad name',
      'PUT',
      '/users/Alice',
      {},
      400,
      { code: 'invalid_parameter', path: 'name', message: expect.stringContaining('a-z') },
    ],
    [
      'reserved name',
      'PUT',
      '/gateways/control',
      { url: 'https://x.example.com' },
      400,
      { code: 'invalid_parameter', path: 'name' },
    ],
    ['http URL', 'PUT', '/gateways/aws', { url: 'http://x.example.com' }, 400, { code: 'invalid_body', path: 'url' }],
    [
      'password in a URL',
      'PUT',
      '/gateways/aws',
      { url: 'https://a:hunter2@x.example.com' },
      400,
      { code: 'invalid_body', path: 'url', message: expect.not.stringContaining('hunter2') },
    ],
    ['not JSON', 'PUT', '/users/alice', '{"a":', 400, { code: 'invalid_body' }],
    [
      'an empty body',
      'PUT',
      '/users/alice',
      '',
      400,
      { code: 'invalid_body', message: expect.stringContaining('empty') },
    ],
    ['not an object', 'PUT', '/users/alice', '[]', 400, { code: 'invalid_body' }],
    ['prototype poison', 'PUT', '/users/alice', '{"__proto__": {"a": 1}}', 400, { code: 'invalid_body' }],
    [
      'unknown gateway',
      'PUT',
      '/mcp-servers/x',
      { url: 'http://x', gateway: 'mars' },
      422,
      {
        code: 'unknown_reference',
        path: 'gateway',
        message: expect.stringContaining('gateway "mars" does not exist. Create it first (PUT /api/v1/gateways/mars)'),
      },
    ],
    [
      'unknown owner',
      'PUT',
      '/virtual-accounts/x',
      { owner: 'mars' },
      422,
      { code: 'unknown_reference', path: 'owner' },
    ],
    [
      'unknown server',
      'PUT',
      '/grants/x',
      { ...aliceMay, server: 'mars' },
      422,
      { code: 'unknown_reference', path: 'server' },
    ],
    [
      'unknown principal',
      'PUT',
      '/grants/x',
      { ...aliceMay, principal: { kind: 'virtual-account', name: 'mars' } },
      422,
      { code: 'unknown_reference', path: 'principal.name' },
    ],
    [
      'a grant of nothing',
      'PUT',
      '/grants/x',
      { ...aliceMay, tools: [] },
      400,
      { code: 'invalid_body', message: expect.stringContaining('everything: true') },
    ],
    ['not there', 'GET', '/users/mars', undefined, 404, { code: 'not_found', message: 'User "mars" does not exist.' }],
    ['delete of what is not there', 'DELETE', '/mcp-servers/mars', undefined, 404, { code: 'not_found' }],
    ['unknown path', 'GET', '/planets', undefined, 404, { code: 'not_found' }],
    [
      'another method',
      'PATCH',
      '/users/alice',
      {},
      405,
      { code: 'method_not_allowed', message: 'Allowed here: GET, PUT, DELETE.' },
    ],
    [
      'unknown query',
      'GET',
      '/users?page=2',
      undefined,
      400,
      { code: 'invalid_parameter', message: expect.stringContaining('page') },
    ],
    ['limit too large', 'GET', '/users?limit=501', undefined, 400, { code: 'invalid_parameter', path: 'limit' }],
    [
      'a cursor of their own',
      'GET',
      '/users?cursor=abc',
      undefined,
      400,
      { code: 'invalid_parameter', path: 'cursor' },
    ],
  ] as const)('%s', async (_, method, path, body, status, error) => {
    await world();
    const reply = await api.ask(method, path, body);
    expect(reply, JSON.stringify(reply.body)).toMatchObject({ status, body: { error } });
    expect(await api.outbox()).toEqual([]);
  });

  test('a URL that another gateway has', async () => {
    await gateway('aws');
    const reply = await api.ask('PUT', '/gateways/azure', { url: 'https://aws.example.com:8443' });
    expect(reply).toMatchObject({
      status: 409,
      body: { error: { code: 'conflict', path: 'url', message: expect.stringContaining('Gateway "aws"') } },
    });
  });

  test('a body that is too large, and one that is not JSON by its type', async () => {
    const headers = { authorization: `Bearer ${api.admin}` };
    const put = { method: 'PUT', url: '/api/v1/users/alice' } as const;
    const large = await api.app.inject({
      ...put,
      headers: { ...headers, 'content-type': 'application/json' },
      payload: `{"displayName":"${'x'.repeat(3_000_000)}"}`,
    });
    expect([large.statusCode, large.json().error.code]).toEqual([413, 'payload_too_large']);
    const text = await api.app.inject({
      ...put,
      headers: { ...headers, 'content-type': 'application/xml' },
      payload: '<a/>',
    });
    expect([text.statusCode, text.json().error.code]).toEqual([415, 'unsupported_media_type']);
  });
});

describe('delete', () => {
  test('what others refer to stays, and they are named', async () => {
    await world();
    await api.ask('PUT', '/grants/alice-m365', aliceMay);
    expect(await api.ask('DELETE', '/gateways/azure')).toMatchObject({
      status: 409,
      body: { error: { code: 'in_use', message: expect.stringContaining('MCP server "mcp-m365"') } },
    });
    expect(await api.ask('DELETE', '/mcp-servers/mcp-m365')).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('grant "alice-m365"') } },
    });
    expect(await api.ask('DELETE', '/users/alice')).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringMatching(/virtual account "ci", grant "alice-m365"/) } },
    });
  });

  test('in the right order everything goes', async () => {
    await world();
    await api.ask('PUT', '/grants/alice-m365', aliceMay);
    await api.outbox();
    for (const path of [
      '/grants/alice-m365',
      '/mcp-servers/mcp-m365',
      '/virtual-accounts/ci',
      '/users/alice',
      '/gateways/azure',
    ])
      expect(await api.ask('DELETE', path)).toMatchObject({ status: 204 });
    expect(await api.outbox()).toEqual([
      'grant alice-m365',
      'mcp-server mcp-m365',
      'virtual-account ci',
      'user alice',
      'gateway azure',
    ]);
  });

  test('a reference that comes at the same moment wins or loses, but never dangles', async () => {
    await gateway('aws');
    for (let round = 0; round < 10; round += 1) {
      await api.ask('PUT', '/users/alice', {});
      const [owned, deleted] = await Promise.all([
        api.ask('PUT', '/virtual-accounts/ci', { owner: 'alice' }),
        api.ask('DELETE', '/users/alice'),
      ]);
      expect([`${owned.status} ${deleted.status}`]).toContainEqual(
        expect.stringMatching(/^(201 409|422 204|409 204)$/),
      );
      await api.ask('DELETE', '/virtual-accounts/ci');
      await api.ask('DELETE', '/users/alice');
    }
  });
});

test('lists page in order of name', async () => {
  for (const name of ['e', 'b', 'd', 'a', 'c']) await api.ask('PUT', `/users/${name}`, {});
  const seen: string[] = [];
  let next = '';
  do {
    const { body } = await api.ask('GET', `/users?limit=2${next && `&cursor=${encodeURIComponent(next)}`}`);
    seen.push(...body.items.map((item: { name: string }) => item.name));
    next = body.next ?? '';
  } while (next !== '');
  expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
});
