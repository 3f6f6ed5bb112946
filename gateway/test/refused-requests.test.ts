/** Requests that are wrong in themselves, or lead where nobody may go: refused, recorded, and nothing of them reaches a server. */
import { describe, expect, test } from 'vitest';
import { call, outcome } from './post.ts';
import { exchange, plain, request } from './raw-http.ts';
import { refusal, threeClouds } from './three-clouds.ts';

const world = threeClouds();
const { ask, aws } = world;

describe('the body', () => {
  const wide = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${'['.repeat(70)}${']'.repeat(70)}}}`;
  const rows: readonly (readonly [string, string, number, number, string, unknown])[] = [
    ['malformed JSON', '{"jsonrpc":"2.0","id":1,', 400, -32700, 'parse_error', 1],
    [
      'a duplicate key',
      '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo","name":"other"}}',
      400,
      -32700,
      'duplicate_key',
      'a',
    ],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 400, -32600, 'batch_refused', null],
    ['too deep', wide, 400, -32600, 'too_complex', 1],
    ['no JSON-RPC', '{"id":1,"method":"tools/list"}', 400, -32600, 'invalid_request', 1],
    ['an empty body', '', 400, -32700, 'parse_error', null],
    ['no tool named', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}', 400, -32602, 'invalid_params', 1],
  ];
  test.each(rows)('%s', async (_what, body, status, code, fault, id) => {
    const reply = await ask('/mcp/near', body);
    expect(await outcome(reply)).toEqual({ status, body: refusal(code, fault, /./, id) });
    expect(aws().audit.records).toMatchObject([{ code: fault, status: 'refused', http_status: status, user: 'alice' }]);
    expect(world.upstream.seen).toEqual([]);
  });

  test.each(['with its length', 'chunked'])('10 MB %s: 413, and the connection goes on', async (how) => {
    const big = Buffer.alloc(10 * 1024 * 1024, 0x20);
    const token = world.mesh.token('alice');
    const body = how === 'chunked' ? new Blob([big]).stream() : big;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const reply = await fetch(`${aws().door}/mcp/near`, {
      method: 'POST',
      headers,
      body,
      ...(how === 'chunked' && { duplex: 'half' }),
    } as RequestInit);
    expect(await outcome(reply)).toEqual({
      status: 413,
      body: refusal(-32600, 'body_too_large', /larger than 100000 bytes/, null),
    });
    expect(await outcome(await ask('/mcp/near', call('echo')))).toMatchObject({ status: 200 });
    expect(aws().audit.records).toMatchObject([{ code: 'body_too_large' }, { status: 'success' }]);
  });

  test.each([
    ['text/plain', {}],
    ['application/json', { 'content-encoding': 'gzip' }],
  ])('%s %j: 415', async (type, more) => {
    const reply = await ask('/mcp/near', call('echo'), {
      token: world.mesh.token('alice'),
      headers: { 'content-type': type, ...more },
    });
    expect(await outcome(reply)).toMatchObject({
      status: 415,
      body: { id: 1, error: { data: { code: 'media_type' } } },
    });
  });

  test('the body of a caller without a grant is not read', async () => {
    const head = request([
      `POST /mcp/near HTTP/1.1`,
      'host: localhost',
      `authorization: Bearer ${world.mesh.token('bob')}`,
      'content-type: application/json',
      'content-length: 90000',
    ]);
    const reply = await exchange(plain(aws().loopback.port), head);
    expect({ status: reply.status, fault: reply.json().error.data.code }).toEqual({
      status: 404,
      fault: 'server_not_found',
    });
    expect(aws().audit.records).toMatchObject([{ code: 'no_grant' }]);
  });
});

describe('headers against the body', () => {
  const modern = {
    ...call('echo'),
    params: {
      name: 'echo',
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  };
  const right = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
  test.each([
    ['Mcp-Name', { ...right, 'mcp-name': 'other' }],
    ['Mcp-Method', { ...right, 'mcp-method': 'tools/list' }],
    ['MCP-Protocol-Version', { ...right, 'mcp-protocol-version': '2025-11-25' }],
  ])('a modern request whose %s contradicts the body: 400 -32020', async (_name, headers) => {
    const reply = await ask('/mcp/near', modern, { token: world.mesh.token('alice'), headers });
    expect(await outcome(reply)).toEqual({
      status: 400,
      body: refusal(-32020, 'header_mismatch', /header contradicts the body/),
    });
    expect(aws().audit.records).toMatchObject([{ code: 'header_mismatch', tool: 'echo' }]);
    expect(world.upstream.seen).toEqual([]);
  });

  test('a modern request whose headers are right passes, over a hop too; its session id is ignored', async () => {
    for (const path of ['/mcp/near', '/mcp/far']) {
      const reply = await ask(path, modern, {
        token: world.mesh.token('alice'),
        headers: { ...right, 'mcp-param-region': 'eu', 'mcp-session-id': 'forged' },
      });
      expect((await outcome(reply)).status).toBe(200);
    }
    for (const seen of world.upstream.seen) {
      expect(seen.headers).toMatchObject({ ...right, 'mcp-param-region': 'eu' });
      expect(seen.headers).not.toHaveProperty('mcp-session-id');
    }
  });

  test('a legacy request: its Mcp-* headers decide nothing', async () => {
    const reply = await ask('/mcp/far', call('echo'), {
      token: world.mesh.token('bob'),
      headers: { 'mcp-name': 'other', 'mcp-method': 'x' },
    });
    expect((await outcome(reply)).status).toBe(200);
    const denied = await ask('/mcp/far', call('other'), {
      token: world.mesh.token('bob'),
      headers: { 'mcp-name': 'echo' },
    });
    expect(await outcome(denied)).toMatchObject({ body: { error: { message: 'Unknown tool: other' } } });
  });
});

describe('HTTP that two readers could read differently', () => {
  const head = (lines: readonly string[]) =>
    request(
      [...lines, 'content-type: application/json', `authorization: Bearer ${world.mesh.token('alice')}`],
      JSON.stringify(call('echo')),
    );
  test.each([
    ['two Hosts', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'Host: evil'], 400],
    ['a target for another host', ['POST http://evil/mcp/near HTTP/1.1', 'host: localhost'], 400],
    [
      'HTTP/1.0 with Transfer-Encoding',
      ['POST /mcp/near HTTP/1.0', 'host: localhost', 'transfer-encoding: chunked'],
      400,
    ],
    [
      'Connection takes Authorization away',
      ['POST /mcp/near HTTP/1.1', 'host: localhost', 'connection: keep-alive, authorization'],
      400,
    ],
    [
      'Connection takes a hop header away',
      ['POST /mcp/near HTTP/1.1', 'host: localhost', 'connection: portolan-hop'],
      400,
    ],
    [
      'more headers than anyone has',
      ['POST /mcp/near HTTP/1.1', 'host: localhost', ...Array.from({ length: 240 }, (_, i) => `mcp-x${i}: 1`)],
      400,
    ],
    ['Content-Length twice', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'content-length: 5'], 400],
    [
      'Content-Length and Transfer-Encoding',
      ['POST /mcp/near HTTP/1.1', 'host: localhost', 'transfer-encoding: chunked'],
      400,
    ],
    ['a blank before the colon', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'x : y'], 400],
    ['no HTTP', ['nonsense'], 400],
    ['headers of 40 KB', ['POST /mcp/near HTTP/1.1', 'host: localhost', `x: ${'y'.repeat(40_000)}`], 431],
    ['a foreign Host', ['POST /mcp/near HTTP/1.1', 'host: evil.example'], 421],
    ['a foreign Origin', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'origin: https://evil.example'], 403],
    ['Origin null', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'origin: null'], 403],
  ])('%s: refused, noted once, counted', async (_what, lines, status) => {
    const reply = await exchange(plain(aws().loopback.port), head(lines));
    expect(reply.status).toBe(status);
    expect(world.upstream.seen).toEqual([]);
    const { requestId } = reply.json().error.data;
    expect(aws().audit.notes).toMatchObject([{ status: 'refused', http_status: status, request_id: requestId }]);
    expect(aws().meter.requests).toMatchObject([{ server: '', user: '', status: 'refused' }]);
  });

  test('a target that names our own host is read', async () => {
    const reply = await exchange(
      plain(aws().loopback.port),
      head(['POST http://localhost/mcp/near HTTP/1.1', 'host: localhost']),
    );
    expect(reply.status).toBe(200);
  });
});

describe('reach', () => {
  test.each([
    ['outside', 'a literal outside the reach'],
    ['metadata', 'a metadata address'],
  ])('%s (%s): 502 upstream_out_of_reach', async (server) => {
    const reply = await ask(`/mcp/${server}`, call('echo'));
    expect(await outcome(reply)).toEqual({
      status: 502,
      body: refusal(
        50213,
        'upstream_out_of_reach',
        `MCP server ${server} lies outside the networks and ports that gateway aws may dial: add it to upstreamCidrs there, or move it.`,
      ),
    });
    expect(aws().audit.records).toMatchObject([{ code: 'upstream_out_of_reach', status: 'failed' }]);
    expect(world.upstream.seen).toEqual([]);
  });

  test('a name is dialled by those of its addresses that lie inside', async () => {
    expect((await outcome(await ask('/mcp/named', call('echo')))).status).toBe(200);
  });
});
