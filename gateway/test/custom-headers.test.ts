/** Attack: headers of the caller's own choice on their way to a server (`x-tfy-mcp-headers`). Only registered ones arrive; nothing else is let in. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestMesh } from './mesh.ts';
import { call, outcome, post } from './post.ts';
import { exchange, plain, request } from './raw-http.ts';
import { refusal } from './three-clouds.ts';
import { answerEcho, answerJson, Upstream } from './upstream.ts';

let upstream: Upstream;
let mesh: TestMesh;
const registered = { names: ['X-Api-Key', 'x-tenant', 'Authorization', 'Host'] };

beforeAll(async () => {
  upstream = await Upstream.start();
  const { url } = upstream;
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: {
      near: { gateway: 'aws', url, headers: registered },
      far: { gateway: 'azure', url, headers: registered },
      own: { gateway: 'aws', url, headers: { ...registered, mayOverrideAuth: true } },
      none: { gateway: 'aws', url },
    },
    grants: ['near', 'far', 'own', 'none'].map((server) => ({ user: 'alice', server })),
  });
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.seen.length = 0;
  upstream.script = answerEcho;
  for (const gateway of mesh.gateways.values()) gateway.forget();
});

const asked = (server: string, text: string, name = 'x-tfy-mcp-headers') =>
  post(`${mesh.gateway('aws').door}/mcp/${server}`, call('echo'), {
    token: mesh.token('alice'),
    headers: { [name]: text },
  });
const given = (headers: object) => JSON.stringify(headers);

describe('registered headers', () => {
  test.each(['near', 'far'])('arrive at %s, and the header that brought them does not', async (server) => {
    const reply = await asked(server, given({ 'x-api-key': 's3cret', 'X-Tenant': 'a b' }), 'X-TFY-MCP-Headers');
    expect((await outcome(reply)).status).toBe(200);
    expect(upstream.seen).toMatchObject([{ headers: { 'x-api-key': 's3cret', 'x-tenant': 'a b' } }]);
    expect(upstream.seen[0]?.headers).not.toHaveProperty('x-tfy-mcp-headers');
    expect(upstream.seen[0]?.headers).not.toHaveProperty('authorization');
  });

  test.each(['GET', 'DELETE'])('arrive with %s, too', async (method) => {
    upstream.script = (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end();
    const headers = {
      authorization: `Bearer ${mesh.token('alice')}`,
      accept: 'text/event-stream',
      'x-tfy-mcp-headers': given({ 'x-tenant': 'a' }),
    };
    const reply = await fetch(`${mesh.gateway('aws').door}/mcp/far`, { method, headers });
    await reply.text();
    expect(upstream.seen).toMatchObject([{ method, headers: { 'x-tenant': 'a' } }]);
  });

  test('an empty object gives nothing', async () => {
    expect((await outcome(await asked('none', '{}'))).status).toBe(200);
  });

  test('Authorization, where the registration says that it may be overridden', async () => {
    expect((await outcome(await asked('own', given({ authorization: 'Basic YTpi' })))).status).toBe(200);
    expect(upstream.seen).toMatchObject([{ headers: { authorization: 'Basic YTpi' } }]);
  });

  test('their values stand in no record and in no log', async () => {
    upstream.script = (_, response) => answerJson(response, { error: 'no' }, {}, 500);
    await (await asked('far', given({ 'x-api-key': 's3cret-1' }))).text();
    await (await asked('far', given({ 'x-other': 's3cret-2' }))).text();
    await (await asked('near', `{"x-api-key":"s3cret-3`)).text();
    const kept = [...mesh.gateways.values()].map(({ audit, log, meter }) => ({ audit, lines: log.lines, meter }));
    expect(JSON.stringify(kept)).toContain('custom_headers');
    expect(JSON.stringify(kept)).not.toContain('s3cret');
  });
});

describe('refused, and nothing reaches a server', () => {
  const takes = (server: string, name: string) => `MCP server ${server} is not registered to take ${name}`;
  const rows: readonly (readonly [string, string, string, string, string])[] = [
    ['what is not registered', 'near', given({ 'x-api-key': '1', 'x-other': '2' }), takes('near', 'x-other'), 'aws'],
    ['what is not registered, behind a hop', 'far', given({ 'X-Other': '2' }), takes('far', 'x-other'), 'azure'],
    ['anything, at a server that takes none', 'none', given({ 'x-api-key': '1' }), takes('none', 'x-api-key'), 'aws'],
    [
      'Authorization without mayOverrideAuth',
      'near',
      given({ AUTHORIZATION: 'x' }),
      takes('near', 'authorization'),
      'aws',
    ],
    ['the same behind a hop', 'far', given({ authorization: 'x' }), takes('far', 'authorization'), 'azure'],
    ['Host, although it is registered', 'near', given({ hOsT: 'evil' }), takes('near', 'host'), 'aws'],
    ...[
      'Cookie',
      'Content-Length',
      'Mcp-Session-Id',
      'portolan-hop',
      'Forwarded',
      'X-Forwarded-For',
      'traceparent',
    ].map((name) => [name, 'own', given({ [name]: '1' }), takes('own', name.toLowerCase()), 'aws'] as const),
    ...[
      'Connection',
      'Transfer-Encoding',
      'TE',
      'Upgrade',
      'Via',
      'X-Real-IP',
      'Accept-Encoding',
      'x-tfy-mcp-headers',
    ].map((name) => [name, 'own', given({ [name]: '1' }), takes('own', name.toLowerCase()), 'aws'] as const),
    [
      'CR and LF in a value',
      'near',
      given({ 'x-api-key': '1\r\nhost: evil' }),
      'the value of x-api-key must be',
      'aws',
    ],
    [
      'the same behind a hop',
      'far',
      given({ 'x-api-key': '1\r\nhost: evil' }),
      'the value of x-api-key must be',
      'aws',
    ],
    ['CR and LF in a name', 'near', given({ 'x-api-key: 1\r\nhost': 'evil' }), 'is no header name', 'aws'],
    ['NUL', 'near', given({ 'x-api-key': '1\0' }), 'the value of x-api-key must be', 'aws'],
    ['a name twice', 'near', '{"x-api-key":"1","X-Api-Key":"2"}', 'x-api-key stands there twice', 'aws'],
    ['no string', 'near', '{"x-api-key":1}', 'must be a string', 'aws'],
    ['a server’s name first, as on a virtual server', 'near', '{"near":{"x-api-key":"1"}}', 'must be a string', 'aws'],
    ['no JSON', 'far', 'x-api-key: 1', 'expected an object', 'aws'],
    ['more than 8 KB', 'near', given({ 'x-api-key': 'x'.repeat(8192) }), 'at most 8192 bytes', 'aws'],
  ];
  test.each(rows)('%s', async (_what, server, text, expected, hop) => {
    const reply = await asked(server, text);
    expect(await outcome(reply)).toEqual({
      status: 400,
      body: refusal(40003, 'custom_headers', new RegExp(expected), 1, hop),
    });
    expect(mesh.gateway(hop).audit.records).toMatchObject([
      { code: 'custom_headers', status: 'refused', user: 'alice' },
    ]);
    expect(upstream.seen).toEqual([]);
  });

  test.each([
    ['sent twice', ['x-tfy-mcp-headers: {"x-tenant":"1"}', 'X-Tfy-Mcp-Headers: {"x-tenant":"2"}'], 'custom_headers'],
    ['named by Connection', ['x-tfy-mcp-headers: {}', 'connection: x-tfy-mcp-headers'], 'http_malformed'],
  ])('%s', async (_what, lines, code) => {
    const head = ['POST /mcp/near HTTP/1.1', 'host: localhost', `authorization: Bearer ${mesh.token('alice')}`];
    const bytes = request([...head, 'content-type: application/json', ...lines], JSON.stringify(call('echo')));
    const reply = await exchange(plain(mesh.gateway('aws').loopback.port), bytes);
    expect({ status: reply.status, code: reply.json().error.data.code }).toEqual({ status: 400, code });
    expect(upstream.seen).toEqual([]);
  });

  test('what the entry gateway’s snapshot allows, the handling gateway decides', async () => {
    await mesh.apply(
      (tables) => ({ ...tables, servers: tables.servers.map((server) => ({ ...server, headers: undefined })) }),
      'azure',
    );
    const reply = await asked('far', given({ 'x-tenant': 'a' }));
    mesh.restore();
    await mesh.apply();
    expect(await outcome(reply)).toMatchObject({ status: 400, body: { error: { data: { hop: 'azure' } } } });
    expect(upstream.seen).toEqual([]);
  });
});
