/** What servers answer, do not answer, or should not have answered, and what the caller is told of it; through one gateway and through two. */
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { TestMesh } from './mesh.ts';
import { call, outcome, post } from './post.ts';
import { threeClouds } from './three-clouds.ts';
import { answerEcho, answerJson, Upstream } from './upstream.ts';

const world = threeClouds();
const { ask, aws, azure } = world;
const error = (code: number) => ({ jsonrpc: '2.0', id: 1, error: { code, message: 'no' } });

describe.each(['/mcp/near', '/mcp/far'])('%s', (path) => {
  const last = () => (path === '/mcp/far' ? azure() : aws());
  const name = path.slice(5);

  test.each([401, 403, 300, 302, 304, 404, 500, 503])('%i without JSON-RPC: 502 upstream_invalid', async (status) => {
    world.upstream.script = (_seen, response) =>
      void response
        .writeHead(status, {
          'www-authenticate': 'Bearer resource_metadata="https://elsewhere"',
          'content-type': 'text/html',
        })
        .end(status === 304 ? undefined : '<h1>no</h1>');
    const reply = await ask(path, call('echo'));
    expect(reply.headers.has('www-authenticate')).toBe(false);
    const message = `MCP server ${name} gave an answer that gateway ${last().name} could not accept: it answered ${status}`;
    expect(await outcome(reply)).toMatchObject({
      status: 502,
      body: { id: 1, error: { code: 50214, message, data: { hop: last().name } } },
    });
    for (const gateway of [aws(), last()])
      expect(gateway.audit.records).toMatchObject([{ code: 'upstream_invalid', status: 'failed', http_status: 502 }]);
  });

  test.each([
    [400, -32602, 'success', null],
    [404, -32601, 'success', null],
    [500, -32603, 'failed', 'upstream_failed'],
  ])('%i with the JSON-RPC error %i passes as it is', async (status, code, recorded, fault) => {
    world.upstream.script = (_seen, response) => answerJson(response, error(code), {}, status);
    expect(await outcome(await ask(path, call('echo')))).toEqual({ status, body: error(code) });
    for (const gateway of [aws(), last()])
      expect(gateway.audit.records).toMatchObject([{ status: recorded, code: fault, http_status: status }]);
  });

  test('a tool that fails is an answer, not a failure', async () => {
    world.upstream.script = (_seen, response) => answerJson(response, error(-32000));
    expect(await outcome(await ask(path, call('echo')))).toEqual({ status: 200, body: error(-32000) });
    expect(aws().audit.records).toMatchObject([{ status: 'success', code: null }]);
  });

  test('a dead session: its 404 passes', async () => {
    world.upstream.script = (seen, response) => {
      if (seen.headers['mcp-session-id']) return answerJson(response, error(-32001), {}, 404);
      return answerJson(response, { jsonrpc: '2.0', id: 1, result: {} }, { 'mcp-session-id': 's1' });
    };
    const sealed = (await ask(path, { ...call('x'), method: 'initialize' })).headers.get('mcp-session-id') ?? '';
    const reply = await ask(path, call('echo'), {
      token: world.mesh.token('alice'),
      headers: { 'mcp-session-id': sealed },
    });
    expect(await outcome(reply)).toEqual({ status: 404, body: error(-32001) });
  });

  test.each([307, 308])('%i to its own origin is followed once, and remembered', async (status) => {
    world.upstream.script = (seen, response) => {
      if (seen.url === '/mcp/') return answerEcho(seen, response);
      return void response.writeHead(status, { location: '/mcp/' }).end();
    };
    for (const _ of [1, 2]) expect((await outcome(await ask(path, call('echo')))).status).toBe(200);
    const { seen } = world.upstream;
    expect(seen.map(({ url }) => url).slice(-2)).toEqual(['/mcp/', '/mcp/']);
    expect(seen.filter(({ url }) => url === '/mcp').length).toBeLessThanOrEqual(1);
    await world.mesh.apply((tables) => ({ ...tables, servers: [] })); // forgets it with the registration
  });

  test.each([404, 405])(
    'a server that answers %i where it had redirected to is asked at its registered path again',
    async (status) => {
      let home = '/mcp/';
      world.upstream.script = (seen, response) => {
        if (seen.url === home) return answerEcho(seen, response);
        if (home === '/mcp') return void response.writeHead(status).end();
        return void response.writeHead(307, { location: home }).end();
      };
      expect((await outcome(await ask(path, call('echo')))).status).toBe(200);
      home = '/mcp'; // it has moved back
      await outcome(await ask(path, call('echo')));
      expect((await outcome(await ask(path, call('echo')))).status).toBe(200);
    },
  );

  test('a method that is unknown there makes a redirect forgotten only where it may be the path that is unknown', async () => {
    const unknown = { jsonrpc: '2.0', id: 1, error: { code: -32601, message: 'no' } };
    world.upstream.script = ({ url, body }, response) => {
      if (url === '/mcp') return void response.writeHead(307, { location: '/mcp/' }).end();
      if (JSON.parse(body).method === 'prompts/list') return answerJson(response, unknown, {}, 404);
      return answerJson(response, { jsonrpc: '2.0', id: 1, result: {} });
    };
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const modern = (method: string) =>
      ask(
        path,
        { jsonrpc: '2.0', id: 1, method, params: { _meta } },
        {
          token: world.mesh.token('alice'),
          headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method },
        },
      );
    const atHome = () => world.upstream.seen.filter(({ url }) => url === '/mcp').length;
    for (const method of ['tools/list', 'prompts/list', 'tools/list'])
      expect((await modern(method)).status).toBe(method === 'prompts/list' ? 404 : 200);
    expect(atHome()).toBe(1);
    // before 2026-07-28 no method is unknown with a 404, whatever stands in it
    for (const method of ['prompts/list', 'tools/list']) await outcome(await ask(path, { ...call('x'), method }));
    expect(atHome()).toBe(2);
    await world.mesh.apply((tables) => ({ ...tables, servers: [] }));
  });

  test('neither a server without a stream nor a session that is over makes a redirect forgotten', async () => {
    world.upstream.script = (seen, response) => {
      if (seen.url === '/mcp') return void response.writeHead(307, { location: '/mcp/' }).end();
      if (seen.method === 'GET') return void response.writeHead(405).end();
      if (seen.headers['mcp-session-id']) return answerJson(response, error(-32001), {}, 404);
      return answerJson(response, { jsonrpc: '2.0', id: 1, result: {} }, { 'mcp-session-id': 's1' });
    };
    const token = world.mesh.token('alice');
    const begun = await ask(path, { ...call('x'), method: 'initialize' });
    const session = { 'mcp-session-id': begun.headers.get('mcp-session-id') ?? '' };
    const stream = await fetch(aws().door + path, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${token}` },
    });
    expect(stream.status).toBe(405);
    expect((await ask(path, call('echo'), { token, headers: session })).status).toBe(404);
    expect((await ask(path, call('echo'))).status).toBe(200);
    expect(world.upstream.seen.filter(({ url }) => url === '/mcp').length).toBe(1);
    await world.mesh.apply((tables) => ({ ...tables, servers: [] }));
  });

  test.each([
    ['to another origin', 307, 'http://127.0.0.1:1/mcp/'],
    ['to another origin by name', 308, '//evil.example/mcp/'],
    ['for ever', 307, '/mcp'],
    ['with another method', 302, '/mcp/'],
  ])('a redirect %s: 502, and no Location reaches the caller', async (_where, status, location) => {
    world.upstream.script = (seen, response) =>
      seen.url === '/mcp/' ? answerEcho(seen, response) : void response.writeHead(status, { location }).end();
    const reply = await ask(path, call('echo'));
    expect(reply.headers.has('location')).toBe(false);
    expect(await outcome(reply)).toMatchObject({
      status: 502,
      body: { error: { data: { code: 'upstream_invalid' } } },
    });
    await world.mesh.apply((tables) => ({ ...tables, servers: [] }));
  });

  test('an encoded answer, and one of another kind: 502', async () => {
    world.upstream.script = (_seen, response) => answerJson(response, {}, { 'content-encoding': 'gzip' });
    expect(await outcome(await ask(path, call('echo')))).toMatchObject({
      status: 502,
      body: { error: { data: { code: 'upstream_invalid' } } },
    });
    expect(world.upstream.seen[0]?.headers['accept-encoding']).toBe('identity');
    world.upstream.script = (_seen, response) =>
      void response.writeHead(200, { 'content-type': 'text/html' }).end('{"result":{"tools":[]}}');
    expect((await outcome(await ask(path, call('echo')))).status).toBe(502);
    world.upstream.script = (_seen, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end('[{"jsonrpc":"2.0"}]');
    expect((await outcome(await ask(path, call('echo')))).status).toBe(502);
  });

  test('headers of the server that are not for clients stay here', async () => {
    world.upstream.script = (seen, response) => {
      for (const [header, value] of [
        ['set-cookie', 'a=b'],
        ['server', 'x'],
        ['x-internal', 'y'],
        ['portolan-fault', 'no_grant'],
        ['retry-after', '7'],
        ['mcp-x', 'z'],
      ])
        response.setHeader(header ?? '', value ?? '');
      answerEcho(seen, response);
    };
    const reply = await ask(path, call('echo'));
    expect(reply.status).toBe(200);
    await reply.text();
    expect([...reply.headers.keys()].sort()).toEqual([
      'connection',
      'content-length',
      'content-type',
      'date',
      'keep-alive',
      'mcp-x',
      'retry-after',
      'x-request-id',
    ]);
  });

  test('a server that hangs up before it answers: 502 upstream_failed, sent once', async () => {
    world.upstream.script = (_seen, response) => response.destroy();
    expect(await outcome(await ask(path, call('echo')))).toMatchObject({
      status: 502,
      body: { error: { code: 50212, data: { hop: last().name } } },
    });
    expect(world.upstream.seen).toHaveLength(1);
  });

  test('a server that is not there: 502 upstream_down, at once', async () => {
    const closed = await Upstream.start();
    const { url } = closed;
    await closed[Symbol.asyncDispose]();
    await world.mesh.apply((tables) => ({
      ...tables,
      servers: tables.servers.map((server) => (server.name === name ? { ...server, url } : server)),
    }));
    expect(await outcome(await ask(path, call('echo')))).toMatchObject({
      status: 502,
      body: { error: { code: 50211, message: `MCP server ${name} did not answer at gateway ${last().name}.` } },
    });
  });
});

describe('time', () => {
  test('the deadline of the whole call crosses the hop; past it: 504 of the gateway that waited', async () => {
    await using upstream = await Upstream.start(() => {}); // and never answers
    await using mesh = await TestMesh.start({
      gateways: ['aws', 'azure'],
      servers: { near: { gateway: 'aws', url: upstream.url }, far: { gateway: 'azure', url: upstream.url } },
      grants: ['near', 'far'].map((server) => ({ user: 'alice', server })),
      limits: { callMs: 300 },
    });
    const began = performance.now();
    const replies = await Promise.all(
      ['near', 'far'].map((server) =>
        post(`${mesh.gateway('aws').door}/mcp/${server}`, call('echo'), { token: mesh.token('alice') }),
      ),
    );
    const [near, far] = await Promise.all(replies.map(outcome));
    expect(near).toMatchObject({
      status: 504,
      body: {
        error: {
          code: 50411,
          message: 'MCP server near did not answer gateway aws in time: the whole call has a deadline.',
        },
      },
    });
    expect(far).toMatchObject({
      status: 504,
      body: {
        error: {
          code: 50411,
          message: 'MCP server far did not answer gateway azure in time: the whole call has a deadline.',
        },
      },
    });
    expect(performance.now() - began).toBeLessThan(1_500);
    await Promise.all(upstream.seen.map((seen) => seen.closed));
    for (const gateway of mesh.gateways.values())
      expect(gateway.audit.records.at(-1)).toMatchObject({ code: 'upstream_timeout', status: 'failed' });
  });

  test('a gateway that is down, or does not answer its port: 502 with its name within 2 s', async () => {
    const silent = createServer(() => {}); // takes the connection, and never shakes hands
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const held: { destroy(): void }[] = [];
    silent.on('connection', (socket) => held.push(socket));
    try {
      for (const dial of ['127.0.0.1:1', `127.0.0.1:${port}`]) {
        await world.mesh.apply((tables) => ({
          ...tables,
          peers: tables.peers.map((peer) => (peer.name === 'azure' ? { ...peer, dial } : peer)),
        }));
        const began = performance.now();
        const reply = await ask('/mcp/far', call('echo'));
        expect(performance.now() - began).toBeLessThan(2_300);
        expect(await outcome(reply)).toMatchObject({
          status: 502,
          body: {
            id: 1,
            error: { code: 50202, message: 'Gateway azure did not answer.', data: { code: 'peer_down', hop: 'azure' } },
          },
        });
      }
      expect(aws().audit.records).toMatchObject([
        { code: 'peer_down', status: 'failed', handling_gateway: 'azure', proxy_hops: 1 },
        { code: 'peer_down' },
      ]);
      expect(aws().meter.errors).toEqual(Array(2).fill({ from: 'aws', to: 'azure', code: 'peer_down' }));
    } finally {
      for (const socket of held) socket.destroy();
      silent.close();
    }
  });

  test('two gateways that no Mesh joins: 502 no_route', async () => {
    await world.mesh.apply(
      (tables) => ({ ...tables, peers: tables.peers.filter((peer) => peer.name !== 'azure') }),
      'aws',
    );
    expect(await outcome(await ask('/mcp/far', call('echo')))).toMatchObject({
      status: 502,
      body: { error: { data: { code: 'no_route', hop: 'azure' } } },
    });
  });
});
