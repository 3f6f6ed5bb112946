/** Who may not call, or not that: refused with the right status and a sentence, recorded, and nothing of it reaches a server. */
import { makeToken, tokenText } from '@portolan/core';
import { describe, expect, test } from 'vitest';
import { call, outcome, post, type Sent } from './post.ts';
import { refusal, threeClouds } from './three-clouds.ts';

const world = threeClouds();
const { ask, aws, azure } = world;

describe('who calls', () => {
  const unknownToken = tokenText(makeToken('pat'));
  const rows: readonly (readonly [string, Sent, string, RegExp])[] = [
    ['no token', {}, 'token_missing', /A bearer token is required/],
    ['an unknown token', { token: unknownToken }, 'token_invalid', /not valid/],
    ['a token with a typing error', { token: 'ptl_pat_x' }, 'token_invalid', /not valid/],
    ['another scheme', { headers: { authorization: 'Basic YTpi' } }, 'token_invalid', /not valid/],
  ];
  test.each(rows)('%s: 401', async (_what, sent, fault, message) => {
    const reply = await ask('/mcp/near', call('echo'), sent);
    const code = fault === 'token_missing' ? 40101 : 40102;
    expect(await outcome(reply)).toEqual({ status: 401, body: refusal(code, fault, message) });
    const challenge = reply.headers.get('www-authenticate');
    expect(challenge).toBe(fault === 'token_missing' ? 'Bearer' : 'Bearer error="invalid_token"');
    expect(aws().audit).toMatchObject({
      records: [],
      notes: [{ code: fault, status: 'refused', http_status: 401, user: null }],
    });
    expect(world.upstream.seen).toEqual([]);
  });

  test('a revoked token: 401 at the next snapshot', async () => {
    await world.mesh.apply((tables) => ({
      ...tables,
      tokens: tables.tokens.filter((token) => token.principal.name !== 'alice'),
    }));
    expect(await outcome(await ask('/mcp/near', call('echo')))).toMatchObject({
      status: 401,
      body: { error: { data: { code: 'token_invalid' } } },
    });
  });

  test('an expired token: 401', async () => {
    await world.mesh.apply((tables) => ({
      ...tables,
      tokens: tables.tokens.map((token) => ({ ...token, expiresAt: Date.now() - 1 })),
    }));
    expect(await outcome(await ask('/mcp/near', call('echo')))).toMatchObject({
      status: 401,
      body: { error: { code: 40103, data: { code: 'token_expired' } } },
    });
  });

  test('a token revoked at the handling gateway alone: its 401 comes back, with our challenge', async () => {
    await world.mesh.apply((tables) => ({ ...tables, tokens: [] }), 'azure');
    const reply = await ask('/mcp/far', call('echo'));
    expect(await outcome(reply)).toEqual({
      status: 401,
      body: refusal(40102, 'token_invalid', /not valid/, 1, 'azure'),
    });
    expect(reply.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    expect(aws().audit.records).toMatchObject([
      { code: 'token_invalid', status: 'refused', http_status: 401, handling_gateway: 'azure' },
    ]);
  });
});

describe('what is asked for', () => {
  test('an unknown server, and one without a grant: the same bytes, and only the audit knows', async () => {
    const token = world.mesh.token('bob');
    const replies = [
      await ask('/mcp/nothing', call('echo'), { token }),
      await ask('/mcp/near', call('echo'), { token }),
    ];
    const [unknown, forbidden] = await Promise.all(replies.map(outcome));
    expect(unknown).toEqual({
      status: 404,
      body: refusal(40401, expect.anything() as unknown as string, 'Unknown MCP server: nothing'),
    });
    expect(
      JSON.stringify(forbidden)
        .replaceAll('near', 'nothing')
        .replace(/"requestId":"[^"]*"/, ''),
    ).toBe(JSON.stringify(unknown).replace(/"requestId":"[^"]*"/, ''));
    expect(aws().audit.records).toMatchObject([
      { code: 'server_not_found', user: 'bob', mcp_server: null },
      { code: 'no_grant', user: 'bob', mcp_server: 'near' },
    ]);
  });

  test('an unknown tool and a denied one: 200 with the same words, at the entry', async () => {
    const token = world.mesh.token('bob');
    const { status, body } = await outcome(await ask('/mcp/far', call('delete_all', {}, 'x-1'), { token }));
    expect({ status, body }).toEqual({
      status: 200,
      body: refusal(-32602, 'tool_not_found', 'Unknown tool: delete_all', 'x-1'),
    });
    expect(aws().audit.records).toMatchObject([
      { code: 'tool_not_found', status: 'refused', tool: 'delete_all', http_status: 200 },
    ]);
    expect(azure().audit.records).toEqual([]);
    expect(world.upstream.seen).toEqual([]);
  });

  test('a grant that only the entry has: the handling gateway decides for itself', async () => {
    await world.mesh.apply((tables) => ({ ...tables, grants: [] }), 'azure');
    const reply = await ask('/mcp/far', call('echo'));
    expect(await outcome(reply)).toMatchObject({
      status: 404,
      body: { id: 1, error: { message: 'Unknown MCP server: far', data: { hop: 'azure' } } },
    });
    expect(reply.headers.has('portolan-fault')).toBe(false);
    expect(azure().audit.records).toMatchObject([{ code: 'no_grant', role: 'handling', user: 'alice' }]);
  });

  test.each([
    '/',
    '/mcp',
    '/mcp/near/x',
    '/.well-known/oauth-protected-resource/mcp/near',
    '/.well-known/oauth-authorization-server',
    '/%zz',
  ])('%s: 404 as JSON', async (path) => {
    const reply = await fetch(aws().door + path);
    expect({ status: reply.status, type: reply.headers.get('content-type') }).toEqual({
      status: path.startsWith('/mcp/') ? 401 : 404,
      type: 'application/json',
    });
    await reply.text();
  });

  test.each(['PUT', 'PATCH', 'OPTIONS', 'HEAD'])('%s: 405', async (method) => {
    const reply = await fetch(`${aws().door}/mcp/near`, {
      method,
      headers: { authorization: `Bearer ${world.mesh.token('alice')}` },
    });
    expect({ status: reply.status, allow: reply.headers.get('allow') }).toEqual({
      status: 405,
      allow: 'POST, GET, DELETE',
    });
    await reply.text();
  });
});

describe('the gateway itself', () => {
  test('without a snapshot, or with one too old: 503 with its name', async () => {
    const { registry } = world.mesh.gateway('gcp');
    const now = registry.current();
    registry.set(undefined);
    const door = `${world.mesh.gateway('gcp').door}/mcp/far`;
    expect(await outcome(await post(door, call('echo'), { token: world.mesh.token('alice') }))).toMatchObject({
      status: 503,
      body: { error: { data: { code: 'snapshot_absent', hop: 'gcp' } } },
    });
    if (now) registry.set({ ...now, notAfter: Date.now() - 1 });
    const reply = await post(door, call('echo'), { token: world.mesh.token('alice') });
    expect(await outcome(reply)).toMatchObject({
      status: 503,
      body: { error: { message: 'The configuration of gateway gcp is too old to be trusted.' } },
    });
    expect(reply.headers.get('retry-after')).toBe('1');
  });

  test('a full audit spool: 503 for calls that would have to be recorded', async () => {
    aws().audit.accepting = false;
    try {
      expect(await outcome(await ask('/mcp/near', call('echo')))).toMatchObject({
        status: 503,
        body: { error: { data: { code: 'audit_unavailable' } } },
      });
      expect(world.upstream.seen).toEqual([]);
      expect(aws().audit.notes).toMatchObject([{ code: 'audit_unavailable', user: 'alice' }]);
    } finally {
      aws().audit.accepting = true;
    }
  });
});
