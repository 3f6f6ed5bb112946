/** What a status means to a client (MCP 2026-07-28, "Errors"; docs/clients.md): the table of faults as a whole, and a row for each case on the wire. */
import { faults } from '@portolan/core';
import { describe, expect, test } from 'vitest';
import { jsonHeaders, outcome } from './post.ts';
import { exchange, plain, request } from './raw-http.ts';
import { threeClouds } from './three-clouds.ts';
import { answerJson } from './upstream.ts';

const world = threeClouds();
const { ask, aws } = world;

describe('the table of faults', () => {
  const codesOf = (http: number) =>
    Object.entries(faults)
      .filter(([, fault]) => fault.http === http)
      .map(([code]) => code);
  test.each([
    [401, ['token_missing', 'token_invalid', 'token_expired']],
    // of these, callers of the public name meet the last alone
    [403, ['peer_certificate', 'peer_unknown', 'proof_invalid', 'origin_refused']],
    [404, ['server_not_found', 'no_grant', 'path_not_found', 'session_not_found', 'method_not_found']],
    [405, ['http_method']],
    [413, ['body_too_large']],
    [415, ['media_type']],
    [421, ['host_refused']],
    [508, ['hop_loop']],
  ])('%i is given for these alone', (http, codes) => {
    expect(codesOf(http)).toEqual(codes);
  });

  test('nothing redirects', () => {
    expect(Object.values(faults).filter(({ http }) => http >= 300 && http < 400)).toEqual([]);
  });
});

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const meta = { [VERSION]: '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
const modern = (method: string, params: object = {}, _meta: object = meta) => ({
  jsonrpc: '2.0',
  id: 'a-7',
  method,
  params: { ...params, _meta },
});
const headersOf = (method: string, name?: string) => ({
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': method,
  ...(name !== undefined && { 'mcp-name': name }),
});
const asked = (path: string, body: unknown, headers: Record<string, string>, user = 'alice') =>
  ask(path, body, { token: world.mesh.token(user), headers });

describe('a request that is refused echoes its id', () => {
  const echo = modern('tools/call', { name: 'echo' });
  const right = headersOf('tools/call', 'echo');
  const { [VERSION]: _, ...versionless } = meta;
  const rows: readonly (readonly [string, object, Record<string, string>, number, number])[] = [
    ['a header is missing', echo, headersOf('tools/call'), 400, -32020],
    ['a header says another name', echo, headersOf('tools/call', 'other'), 400, -32020],
    ['a header is no base64', echo, headersOf('tools/call', '=?base64?%%%?='), 400, -32020],
    [
      'its version is none',
      modern('tools/call', { name: 'echo' }, { ...meta, [VERSION]: 'draft' }),
      { ...right, 'mcp-protocol-version': 'draft' },
      400,
      -32022,
    ],
    ['_meta has no version', modern('tools/call', { name: 'echo' }, versionless), right, 400, -32602],
    ['a header names what the body does not', modern('tools/call'), right, 400, -32020],
    ['not its caller’s tool', modern('tools/call', { name: 'x' }), headersOf('tools/call', 'x'), 200, -32602],
    ['not its caller’s method', modern('tasks/steal'), headersOf('tasks/steal'), 404, -32601],
    ['no media type of ours', echo, { ...right, 'content-type': 'text/plain' }, 415, -32600],
    ['an Origin that is foreign', echo, { ...right, origin: 'https://evil.example' }, 403, 40304],
    ['headers that are no object', echo, { ...right, 'x-tfy-mcp-headers': '[]' }, 400, 40003],
    ['a hop header', echo, { ...right, 'portolan-hop': 'x' }, 400, 40001],
  ];
  test.each(rows)('%s', async (_what, body, headers, status, code) => {
    const reply = await asked('/mcp/far', body, headers, 'bob');
    expect(await outcome(reply)).toMatchObject({ status, body: { jsonrpc: '2.0', id: 'a-7', error: { code } } });
    expect(world.upstream.seen).toEqual([]);
  });

  test.each([
    ['no token', { token: '' }, '/mcp/far', 401],
    ['an unknown server', {}, '/mcp/nothing', 404],
    ['a server of others', { token: 'bob' }, '/mcp/near', 404],
  ])('%s', async (_what, { token = 'alice' }: { token?: string }, path, status) => {
    const headers = { ...jsonHeaders, ...right, ...(token && { authorization: `Bearer ${world.mesh.token(token)}` }) };
    const reply = await fetch(aws().door + path, { method: 'POST', headers, body: JSON.stringify(echo) });
    expect(await outcome(reply)).toMatchObject({ status, body: { id: 'a-7' } });
    expect(reply.headers.has('www-authenticate')).toBe(status === 401);
  });

  test('a method that we do not have: 405 with those that we have', async () => {
    const body = JSON.stringify(echo);
    const head = ['PUT /mcp/far HTTP/1.1', 'host: localhost', 'content-type: application/json'];
    const reply = await exchange(plain(aws().loopback.port), request(head, body));
    expect([reply.status, reply.headers.get('allow')]).toEqual([405, 'POST, GET, DELETE']);
    expect(reply.json()).toMatchObject({ id: 'a-7', error: { data: { code: 'http_method' } } });
  });

  test('a notification has no id to echo', async () => {
    const reply = await ask('/mcp/near', { jsonrpc: '2.0', method: 'notifications/x', params: {} }, {});
    expect(await outcome(reply)).toMatchObject({ status: 401, body: { id: null } });
  });
});

describe.each(['/mcp/near', '/mcp/far'])('what the server answers, %s', (path) => {
  test.each(['GET', 'DELETE'])('%s at a modern server: its own 405, with its Allow', async (method) => {
    world.upstream.script = (_, response) => void response.writeHead(405, { allow: 'POST' }).end();
    const authorization = `Bearer ${world.mesh.token('alice')}`;
    const reply = await fetch(aws().door + path, {
      method,
      headers: { authorization, 'mcp-protocol-version': '2026-07-28' },
    });
    expect([reply.status, reply.headers.get('allow'), await reply.text()]).toEqual([405, 'POST', '']);
  });

  test.each([
    [400, -32020],
    [400, -32021],
    [400, -32022],
    [404, -32601],
    [413, -32600],
    [429, -32603],
  ])('%i with %i passes', async (status, code) => {
    const error = { jsonrpc: '2.0', id: 'a-7', error: { code, message: 'x', data: { supported: ['2026-07-28'] } } };
    world.upstream.script = (_, response) => answerJson(response, error, { 'retry-after': '9' }, status);
    const reply = await asked(path, modern('tools/call', { name: 'echo' }), headersOf('tools/call', 'echo'));
    expect(await outcome(reply)).toEqual({ status, body: error });
  });

  test.each([401, 403, 407])('%i with a challenge is about us, not about the caller: 502', async (status) => {
    world.upstream.script = (_, response) =>
      answerJson(
        response,
        { jsonrpc: '2.0', id: 'a-7', error: { code: -32001, message: 'x' } },
        { 'www-authenticate': 'Bearer' },
        status,
      );
    const reply = await asked(path, modern('tools/call', { name: 'echo' }), headersOf('tools/call', 'echo'));
    expect(reply.headers.has('www-authenticate')).toBe(false);
    expect(await outcome(reply)).toMatchObject({
      status: 502,
      body: { id: 'a-7', error: { data: { code: 'upstream_invalid' } } },
    });
  });

  test('a session id is neither minted for a modern request nor given back', async () => {
    world.upstream.script = (_, response) =>
      answerJson(response, { jsonrpc: '2.0', id: 'a-7', result: {} }, { 'mcp-session-id': 's-1' });
    const sent = { ...headersOf('tools/call', 'echo'), 'mcp-session-id': 's-2', 'last-event-id': '3' };
    const reply = await asked(path, modern('tools/call', { name: 'echo' }), sent);
    expect([(await outcome(reply)).status, reply.headers.has('mcp-session-id')]).toEqual([200, false]);
    expect(world.upstream.seen[0]?.headers).not.toHaveProperty('mcp-session-id');
    expect(world.upstream.seen[0]?.headers).not.toHaveProperty('last-event-id');
  });
});
