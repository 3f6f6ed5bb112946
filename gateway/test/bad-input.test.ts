/** Every wrong request of the list: refused with the right status and a sentence, recorded, and nothing of it reaches a server. */
import { HOP_HEADER, hopKey, hopProof, makeToken, tokenText, writeCaller, writeHop } from '@portolan/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { credentials, makeAuthority } from './mesh-authority.ts';
import { FEDERATION, TestMesh } from './mesh.ts';
import { call, outcome, post, type Sent } from './post.ts';
import { asPeer, exchange, plain, request } from './raw-http.ts';
import { Upstream } from './upstream.ts';

let upstream: Upstream;
let mesh: TestMesh;
const aws = () => mesh.gateway('aws');
const azure = () => mesh.gateway('azure');

beforeAll(async () => {
  upstream = await Upstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure', 'gcp'],
    servers: {
      near: { gateway: 'aws', url: upstream.url },
      far: { gateway: 'azure', url: upstream.url },
      outside: { gateway: 'aws', url: `http://[::1]:${upstream.port}/mcp` },
      named: { gateway: 'aws', url: `http://localhost:${upstream.port}/mcp` },
      metadata: { gateway: 'aws', url: 'http://169.254.169.254/latest' },
    },
    grants: [
      ...['near', 'far', 'outside', 'named', 'metadata'].map((server) => ({ user: 'alice', server })),
      { user: 'bob', server: 'far', tools: ['echo'] },
    ],
    limits: { bodyBytes: 100_000 },
  });
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.seen.length = 0;
  for (const { audit } of mesh.gateways.values()) {
    audit.records.length = 0;
    audit.notes.length = 0;
  }
});
afterEach(() => mesh.apply());

const ask = (path: string, body: unknown, sent: Sent = { token: mesh.token('alice') }) => post(aws().door + path, body, sent);
const refusal = (code: number, fault: string, message: RegExp | string, id: unknown = 1, hop = 'aws') => ({
  jsonrpc: '2.0',
  id,
  error: { code, message: typeof message === 'string' ? message : expect.stringMatching(message), data: { code: fault, hop, requestId: expect.any(String) } },
});

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
    expect(aws().audit).toMatchObject({ records: [], notes: [{ code: fault, status: 'refused', http_status: 401, user: null }] });
    expect(upstream.seen).toEqual([]);
  });

  test('a revoked token: 401 at the next snapshot', async () => {
    await mesh.apply((tables) => ({ ...tables, tokens: tables.tokens.filter((token) => token.principal.name !== 'alice') }));
    try {
      expect(await outcome(await ask('/mcp/near', call('echo')))).toMatchObject({ status: 401, body: { error: { data: { code: 'token_invalid' } } } });
    } finally {
      mesh.restore();
    }
  });

  test('an expired token: 401', async () => {
    await mesh.apply((tables) => ({ ...tables, tokens: tables.tokens.map((token) => ({ ...token, expiresAt: Date.now() - 1 })) }));
    try {
      expect(await outcome(await ask('/mcp/near', call('echo')))).toMatchObject({ status: 401, body: { error: { code: 40103, data: { code: 'token_expired' } } } });
    } finally {
      mesh.restore();
    }
  });

  test('a token revoked at the handling gateway alone: its 401 comes back, with our challenge', async () => {
    await mesh.apply((tables) => ({ ...tables, tokens: [] }), 'azure');
    try {
      const reply = await ask('/mcp/far', call('echo'));
      expect(await outcome(reply)).toEqual({ status: 401, body: refusal(40102, 'token_invalid', /not valid/, 1, 'azure') });
      expect(reply.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
      expect(aws().audit.records).toMatchObject([{ code: 'token_invalid', status: 'refused', http_status: 401, handling_gateway: 'azure' }]);
    } finally {
      mesh.restore();
    }
  });
});

describe('what is asked for', () => {
  test('an unknown server, and one without a grant: the same bytes, and only the audit knows', async () => {
    const token = mesh.token('bob');
    const replies = [await ask('/mcp/nothing', call('echo'), { token }), await ask('/mcp/near', call('echo'), { token })];
    const [unknown, forbidden] = await Promise.all(replies.map(outcome));
    expect(unknown).toEqual({ status: 404, body: refusal(40401, expect.anything() as unknown as string, 'Unknown MCP server: nothing') });
    expect(JSON.stringify(forbidden).replaceAll('near', 'nothing').replace(/"requestId":"[^"]*"/, '')).toBe(
      JSON.stringify(unknown).replace(/"requestId":"[^"]*"/, ''),
    );
    expect(aws().audit.records).toMatchObject([
      { code: 'server_not_found', user: 'bob', mcp_server: null },
      { code: 'no_grant', user: 'bob', mcp_server: 'near' },
    ]);
  });

  test('an unknown tool and a denied one: 200 with the same words, at the entry', async () => {
    const token = mesh.token('bob');
    const { status, body } = await outcome(await ask('/mcp/far', call('delete_all', {}, 'x-1'), { token }));
    expect({ status, body }).toEqual({ status: 200, body: refusal(-32602, 'tool_not_found', 'Unknown tool: delete_all', 'x-1') });
    expect(aws().audit.records).toMatchObject([{ code: 'tool_not_found', status: 'refused', tool: 'delete_all', http_status: 200 }]);
    expect(azure().audit.records).toEqual([]);
    expect(upstream.seen).toEqual([]);
  });

  test('a grant that only the entry has: the handling gateway decides for itself', async () => {
    await mesh.apply((tables) => ({ ...tables, grants: [] }), 'azure');
    try {
      const reply = await ask('/mcp/far', call('echo'));
      expect(await outcome(reply)).toMatchObject({ status: 404, body: { id: 1, error: { message: 'Unknown MCP server: far', data: { hop: 'azure' } } } });
      expect(reply.headers.has('portolan-fault')).toBe(false);
      expect(azure().audit.records).toMatchObject([{ code: 'no_grant', role: 'handling', user: 'alice' }]);
    } finally {
      mesh.restore();
    }
  });

  test.each(['/', '/mcp', '/mcp/near/x', '/.well-known/oauth-protected-resource/mcp/near', '/.well-known/oauth-authorization-server', '/%zz'])('%s: 404 as JSON', async (path) => {
    const reply = await fetch(aws().door + path);
    expect({ status: reply.status, type: reply.headers.get('content-type') }).toEqual({ status: path.startsWith('/mcp/') ? 401 : 404, type: 'application/json' });
    await reply.text();
  });

  test.each(['PUT', 'PATCH', 'OPTIONS', 'HEAD'])('%s: 405', async (method) => {
    const reply = await fetch(`${aws().door}/mcp/near`, { method, headers: { authorization: `Bearer ${mesh.token('alice')}` } });
    expect({ status: reply.status, allow: reply.headers.get('allow') }).toEqual({ status: 405, allow: 'POST, GET, DELETE' });
    await reply.text();
  });
});

describe('the body', () => {
  const wide = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${'['.repeat(70)}${']'.repeat(70)}}}`;
  const rows: readonly (readonly [string, string, number, number, string, unknown])[] = [
    ['malformed JSON', '{"jsonrpc":"2.0","id":1,', 400, -32700, 'parse_error', 1],
    ['a duplicate key', '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo","name":"other"}}', 400, -32700, 'duplicate_key', 'a'],
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
    expect(upstream.seen).toEqual([]);
  });

  test.each(['with its length', 'chunked'])('10 MB %s: 413, and the connection goes on', async (how) => {
    const big = Buffer.alloc(10 * 1024 * 1024, 0x20);
    const token = mesh.token('alice');
    const body = how === 'chunked' ? new Blob([big]).stream() : big;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const reply = await fetch(`${aws().door}/mcp/near`, { method: 'POST', headers, body, ...(how === 'chunked' && { duplex: 'half' }) } as RequestInit);
    expect(await outcome(reply)).toEqual({ status: 413, body: refusal(-32600, 'body_too_large', /larger than 100000 bytes/, null) });
    expect(await outcome(await ask('/mcp/near', call('echo')))).toMatchObject({ status: 200 });
    expect(aws().audit.records).toMatchObject([{ code: 'body_too_large' }, { status: 'success' }]);
  });

  test.each([
    ['text/plain', {}],
    ['application/json', { 'content-encoding': 'gzip' }],
  ])('%s %j: 415', async (type, more) => {
    const reply = await ask('/mcp/near', call('echo'), { token: mesh.token('alice'), headers: { 'content-type': type, ...more } });
    expect(await outcome(reply)).toMatchObject({ status: 415, body: { id: 1, error: { data: { code: 'media_type' } } } });
  });

  test('the body of a caller without a grant is not read', async () => {
    const head = request([`POST /mcp/near HTTP/1.1`, 'host: localhost', `authorization: Bearer ${mesh.token('bob')}`, 'content-type: application/json', 'content-length: 90000']);
    const reply = await exchange(plain(aws().loopback.port), head);
    expect({ status: reply.status, fault: reply.json().error.data.code }).toEqual({ status: 404, fault: 'server_not_found' });
    expect(aws().audit.records).toMatchObject([{ code: 'no_grant' }]);
  });
});

describe('headers against the body', () => {
  const modern = { ...call('echo'), params: { name: 'echo', _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} } } };
  const right = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
  test.each([
    ['Mcp-Name', { ...right, 'mcp-name': 'other' }],
    ['Mcp-Method', { ...right, 'mcp-method': 'tools/list' }],
    ['MCP-Protocol-Version', { ...right, 'mcp-protocol-version': '2025-11-25' }],
  ])('a modern request whose %s contradicts the body: 400 -32020', async (_name, headers) => {
    const reply = await ask('/mcp/near', modern, { token: mesh.token('alice'), headers });
    expect(await outcome(reply)).toEqual({ status: 400, body: refusal(-32020, 'header_mismatch', /header contradicts the body/) });
    expect(aws().audit.records).toMatchObject([{ code: 'header_mismatch', tool: 'echo' }]);
    expect(upstream.seen).toEqual([]);
  });

  test('a modern request whose headers are right passes, over a hop too; its session id is ignored', async () => {
    for (const path of ['/mcp/near', '/mcp/far']) {
      const reply = await ask(path, modern, { token: mesh.token('alice'), headers: { ...right, 'mcp-param-region': 'eu', 'mcp-session-id': 'forged' } });
      expect((await outcome(reply)).status).toBe(200);
    }
    for (const seen of upstream.seen) {
      expect(seen.headers).toMatchObject({ ...right, 'mcp-param-region': 'eu' });
      expect(seen.headers).not.toHaveProperty('mcp-session-id');
    }
  });

  test('a legacy request: its Mcp-* headers decide nothing', async () => {
    const reply = await ask('/mcp/far', call('echo'), { token: mesh.token('bob'), headers: { 'mcp-name': 'other', 'mcp-method': 'x' } });
    expect((await outcome(reply)).status).toBe(200);
    const denied = await ask('/mcp/far', call('other'), { token: mesh.token('bob'), headers: { 'mcp-name': 'echo' } });
    expect(await outcome(denied)).toMatchObject({ body: { error: { message: 'Unknown tool: other' } } });
  });
});

describe('sessions', () => {
  test("another principal's session id, an invented one and one of another server: 404", async () => {
    upstream.script = (seen, response) => {
      const { id } = JSON.parse(seen.body);
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'upstream-1' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }));
    };
    const initialize = { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} };
    const reply = await ask('/mcp/far', initialize);
    const sealed = reply.headers.get('mcp-session-id') ?? '';
    expect(sealed).not.toContain('upstream');
    await reply.text();
    const asked = async (user: string, path: string, id: string) =>
      (await outcome(await ask(path, call('echo'), { token: mesh.token(user), headers: { 'mcp-session-id': id } }))).status;
    expect(await asked('alice', '/mcp/far', sealed)).toBe(200);
    expect(upstream.seen.at(-1)?.headers['mcp-session-id']).toBe('upstream-1');
    const before = upstream.seen.length;
    expect([await asked('bob', '/mcp/far', sealed), await asked('alice', '/mcp/near', sealed), await asked('alice', '/mcp/far', 'upstream-1')]).toEqual([404, 404, 404]);
    for (const method of ['GET', 'DELETE']) {
      const stolen = await fetch(`${aws().door}/mcp/far`, { method, headers: { authorization: `Bearer ${mesh.token('bob')}`, 'mcp-session-id': sealed, accept: 'text/event-stream' } });
      expect({ method, status: stolen.status, body: await stolen.json() }).toMatchObject({ method, status: 404, body: { error: { data: { code: 'session_not_found', hop: 'azure' } } } });
    }
    expect(upstream.seen.length).toBe(before);
    expect(azure().audit.records.at(-1)).toMatchObject({ code: 'session_not_found', user: 'bob', method: 'DELETE' });
  });
});

describe('gateways that are not who they must be', () => {
  const body = JSON.stringify(call('echo'));
  const hopLines = (entry: string, to: string, user = 'alice') => {
    const token = mesh.tokens.get(user);
    const proof = hopProof(hopKey(token?.secret ?? ''), to);
    const hop = writeHop({ id: '01a1fe4b-6825-788d-aa3a-b59672337b7c', entry, hops: 1, via: [entry], deadlineMs: 60_000 });
    return [`portolan-hop: ${hop}`, `portolan-caller: ${writeCaller({ kind: 'pat', id: token?.id ?? '', proof })}`];
  };
  const bytes = (lines: readonly string[]) =>
    request(['POST /mcp/far HTTP/1.1', 'host: azure.test.mesh.internal', 'content-type: application/json', ...lines], body);

  test('the true one passes', async () => {
    const reply = await exchange(asPeer(azure(), aws().identity.current()), bytes(hopLines('aws', 'azure')));
    expect(reply.status).toBe(200);
  });

  test.each(['another CA', 'no certificate', 'expired', 'not yet valid', 'two names', 'another federation', 'no mesh name', 'server use only'])('%s: 403 peer_certificate', async (what) => {
    const { authority } = mesh;
    const uri = (value: string) => ({ type: 'url' as const, value });
    const aside = `spiffe://${FEDERATION}/gateway/`;
    const own = {
      'another CA': async () => credentials(await makeAuthority('mesh root'), FEDERATION, 'aws'),
      'no certificate': async () => undefined,
      expired: () => credentials(authority, FEDERATION, 'aws', { notBefore: new Date(Date.now() - 9e6), notAfter: new Date(Date.now() - 1000) }),
      'not yet valid': () => credentials(authority, FEDERATION, 'aws', { notBefore: new Date(Date.now() + 9e6), notAfter: new Date(Date.now() + 18e6) }),
      'two names': () => credentials(authority, FEDERATION, 'aws', { sans: [uri(`${aside}aws`), uri(`${aside}gcp`)] }),
      'another federation': () => credentials(authority, 'elsewhere', 'aws'),
      'no mesh name': () => credentials(authority, FEDERATION, 'aws', { sans: [{ type: 'dns', value: `x, URI:${aside}aws` }] }),
      'server use only': () => credentials(authority, FEDERATION, 'aws', { usages: ['1.3.6.1.5.5.7.3.1'] }),
    }[what];
    const reply = await exchange(asPeer(azure(), await own?.()), bytes(hopLines('aws', 'azure')));
    expect({ status: reply.status, ...reply.json() }).toMatchObject({ status: 403, id: 1, error: { code: 40301, data: { code: 'peer_certificate', hop: 'azure' } } });
    expect(azure().audit).toMatchObject({ records: [], notes: [{ code: 'peer_certificate', status: 'refused', http_status: 403, gateway: 'azure' }] });
    expect(upstream.seen).toEqual([]);
  });

  test('a valid one of a gateway that the registry has retired: 403 peer_unknown, and its open connections are cut', async () => {
    const own = aws().identity.current();
    const open = asPeer(azure(), own);
    await new Promise((resolve) => open.once('secureConnect', resolve));
    await exchange(asPeer(azure(), own), bytes(hopLines('aws', 'azure'))); // the open one has been accepted before
    const cut = new Promise((resolve) => open.once('close', resolve));
    await mesh.apply((tables) => ({ ...tables, peers: tables.peers.filter((peer) => peer.name !== 'aws') }));
    try {
      await cut;
      const reply = await exchange(asPeer(azure(), own), bytes(hopLines('aws', 'azure')));
      expect({ status: reply.status, ...reply.json() }).toMatchObject({ status: 403, error: { code: 40302, message: 'This gateway is not an active peer of gateway azure.' } });
      expect(azure().audit.notes).toMatchObject([{ code: 'peer_unknown' }]);
    } finally {
      mesh.restore();
    }
  });

  test('a revoked one of an active gateway: 403', async () => {
    await mesh.apply((tables) => ({ ...tables, peers: tables.peers.map((peer) => ({ ...peer, minIssuedAt: Date.now() })) }));
    try {
      const reply = await exchange(asPeer(azure(), aws().identity.current()), bytes(hopLines('aws', 'azure')));
      expect({ status: reply.status, ...reply.json() }).toMatchObject({ status: 403, error: { data: { code: 'peer_certificate' } } });
    } finally {
      mesh.restore();
    }
  });

  test('a mesh certificate on the public name makes no peer', async () => {
    const socket = asPeer(azure(), aws().identity.current(), { servername: 'localhost' });
    const reply = await exchange(socket, bytes(hopLines('aws', 'azure')).replace('azure.test.mesh.internal', 'localhost'));
    expect({ status: reply.status, ...reply.json() }).toMatchObject({ status: 400, error: { data: { code: 'hop_header_spoofed' } } });
  });

  test('a hop proof replayed at another gateway: 403 proof_invalid', async () => {
    await mesh.apply((tables) => ({ ...tables, servers: [...tables.servers, { name: 'other', gateway: 'gcp', proxyUrl: mesh.url('gcp'), url: upstream.url }] }));
    try {
      const replayed = bytes(hopLines('aws', 'azure')).replace('/mcp/far', '/mcp/other').replace('azure.test', 'gcp.test');
      const reply = await exchange(asPeer(mesh.gateway('gcp'), aws().identity.current()), replayed);
      expect({ status: reply.status, ...reply.json() }).toMatchObject({ status: 403, error: { code: 40303, message: 'The proof of the caller does not hold at gateway gcp.' } });
      expect(mesh.gateway('gcp').audit.notes).toMatchObject([{ code: 'proof_invalid', token_id: null }]);
    } finally {
      mesh.restore();
    }
  });

  test.each(['a stolen gateway speaks for another', 'no hop headers', 'hop header torn', 'hop header twice'])('%s: 400 hop_header_malformed', async (what) => {
    const [hop = '', caller = ''] = hopLines('aws', 'azure');
    const lines = {
      'a stolen gateway speaks for another': hopLines('gcp', 'azure'),
      'no hop headers': [],
      'hop header torn': [hop.replace(', deadline', ''), caller],
      'hop header twice': [hop, hop, caller],
    }[what];
    const reply = await exchange(asPeer(azure(), aws().identity.current()), bytes(lines ?? []));
    expect({ status: reply.status, ...reply.json() }).toMatchObject({ status: 400, error: { data: { code: 'hop_header_malformed' } } });
  });

  test('more than one hop, or our own name on the way: 508', async () => {
    const [hop = '', caller = ''] = hopLines('aws', 'azure');
    for (const lines of [[hop.replace('hops=1', 'hops=2'), caller], [hop.replace('("aws")', '("aws" "azure")'), caller]]) {
      const reply = await exchange(asPeer(azure(), aws().identity.current()), bytes(lines));
      expect(reply.status).toBe(508);
    }
  });

  test.each(['portolan-hop', 'Portolan-Caller', 'PORTOLAN-fault', 'portolan-anything'])('%s from a client: 400, over the door and over TLS', async (name) => {
    const hop = writeHop({ id: '01a1fe4b-6825-788d-aa3a-b59672337b7c', entry: 'aws', hops: 1, via: ['aws'], deadlineMs: 1 });
    const lines = ['POST /mcp/far HTTP/1.1', 'host: localhost', 'content-type: application/json', `authorization: Bearer ${mesh.token('alice')}`];
    const value = name === HOP_HEADER ? hop : 'x';
    const sent = request([...lines, `${name}: ${value}`], body);
    for (const socket of [plain(azure().loopback.port), asPeer(azure(), undefined, { servername: 'localhost' })]) {
      const reply = await exchange(socket, sent);
      expect({ status: reply.status, ...reply.json() }).toMatchObject({ status: 400, error: { data: { code: 'hop_header_spoofed' } } });
    }
    expect(azure().audit.notes).toHaveLength(2);
    expect(upstream.seen).toEqual([]);
  });
});

describe('HTTP that two readers could read differently', () => {
  const head = (lines: readonly string[]) =>
    request([...lines, 'content-type: application/json', `authorization: Bearer ${mesh.token('alice')}`], JSON.stringify(call('echo')));
  test.each([
    ['two Hosts', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'Host: evil'], 400],
    ['a target for another host', ['POST http://evil/mcp/near HTTP/1.1', 'host: localhost'], 400],
    ['HTTP/1.0 with Transfer-Encoding', ['POST /mcp/near HTTP/1.0', 'host: localhost', 'transfer-encoding: chunked'], 400],
    ['Connection takes Authorization away', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'connection: keep-alive, authorization'], 400],
    ['Connection takes a hop header away', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'connection: portolan-hop'], 400],
    ['Content-Length twice', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'content-length: 5'], 400],
    ['Content-Length and Transfer-Encoding', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'transfer-encoding: chunked'], 400],
    ['a blank before the colon', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'x : y'], 400],
    ['no HTTP', ['nonsense'], 400],
    ['a foreign Host', ['POST /mcp/near HTTP/1.1', 'host: evil.example'], 421],
    ['a foreign Origin', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'origin: https://evil.example'], 403],
    ['Origin null', ['POST /mcp/near HTTP/1.1', 'host: localhost', 'origin: null'], 403],
  ])('%s', async (_what, lines, status) => {
    const reply = await exchange(plain(aws().loopback.port), head(lines));
    expect(reply.status).toBe(status);
    expect(upstream.seen).toEqual([]);
  });

  test('a target that names our own host is read', async () => {
    const reply = await exchange(plain(aws().loopback.port), head(['POST http://localhost/mcp/near HTTP/1.1', 'host: localhost']));
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
      body: refusal(50213, 'upstream_out_of_reach', `MCP server ${server} lies outside the networks that gateway aws may dial.`),
    });
    expect(aws().audit.records).toMatchObject([{ code: 'upstream_out_of_reach', status: 'failed' }]);
    expect(upstream.seen).toEqual([]);
  });

  test('a name is dialled by those of its addresses that lie inside', async () => {
    expect((await outcome(await ask('/mcp/named', call('echo')))).status).toBe(200);
  });
});

describe('the gateway itself', () => {
  test('without a snapshot, or with one too old: 503 with its name', async () => {
    const { registry } = mesh.gateway('gcp');
    const now = registry.current();
    registry.set(undefined);
    const door = `${mesh.gateway('gcp').door}/mcp/far`;
    expect(await outcome(await post(door, call('echo'), { token: mesh.token('alice') }))).toMatchObject({ status: 503, body: { error: { data: { code: 'snapshot_absent', hop: 'gcp' } } } });
    if (now) registry.set({ ...now, notAfter: Date.now() - 1 });
    const reply = await post(door, call('echo'), { token: mesh.token('alice') });
    expect(await outcome(reply)).toMatchObject({ status: 503, body: { error: { message: 'The configuration of gateway gcp is too old to be trusted.' } } });
    expect(reply.headers.get('retry-after')).toBe('1');
  });

  test('a full audit spool: 503 for calls that would have to be recorded', async () => {
    aws().audit.accepting = false;
    try {
      expect(await outcome(await ask('/mcp/near', call('echo')))).toMatchObject({ status: 503, body: { error: { data: { code: 'audit_unavailable' } } } });
      expect(upstream.seen).toEqual([]);
      expect(aws().audit.notes).toMatchObject([{ code: 'audit_unavailable', user: 'alice' }]);
    } finally {
      aws().audit.accepting = true;
    }
  });
});
