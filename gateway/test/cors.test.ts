/** A page of an allowed origin: its browser asks first, without a token, and the page can read every answer, refusals too. */
import { describe, expect, test } from 'vitest';
import { APP, edged } from './edges.ts';

const world = edged();
const aws = () => world.mesh.gateway('aws');
const EXPOSED = 'Mcp-Session-Id, WWW-Authenticate, X-Request-Id, Retry-After';

describe('the preflight', () => {
  const asking = [
    'access-control-request-method: POST',
    'access-control-request-headers: authorization,mcp-param-region',
  ];
  test.each(['/mcp/far', '/mcp/far/', '/api/llm/mcp/far/server', '/mcp/nothing'])(
    '%s: 204 without a token, and nothing is recorded',
    async (path) => {
      const reply = await world.send('tls', [`origin: ${APP}`, ...asking], {
        method: 'OPTIONS',
        path,
        token: undefined,
      });
      expect({ status: reply.status, body: reply.body }).toEqual({ status: 204, body: '' });
      expect(Object.fromEntries(reply.headers)).toMatchObject({
        'access-control-allow-origin': APP,
        'access-control-allow-methods': 'POST, GET, DELETE',
        'access-control-allow-headers':
          'Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID, x-tfy-mcp-headers, mcp-param-region',
        'access-control-max-age': '7200',
        vary: 'Origin',
      });
      expect(reply.headers.has('access-control-allow-credentials')).toBe(false);
      expect(aws().audit).toMatchObject({ records: [], notes: [] });
      expect(aws().meter.requests).toEqual([]);
      expect(world.upstream.seen).toEqual([]);
    },
  );

  test.each([
    ['no Origin', ['access-control-request-method: POST'], 405],
    ['no method asked for', [`origin: ${APP}`], 405],
  ])('%s: an OPTIONS like any other', async (_what, lines, status) => {
    const reply = await world.send('tls', lines, { method: 'OPTIONS', token: undefined });
    expect({ status: reply.status, allow: reply.headers.get('allow') }).toEqual({ status, allow: 'POST, GET, DELETE' });
  });

  test('at what is no MCP path: 404', async () => {
    const reply = await world.send('tls', [`origin: ${APP}`, ...asking], { method: 'OPTIONS', path: '/else' });
    expect({ status: reply.status, cors: reply.headers.has('access-control-allow-origin') }).toEqual({
      status: 404,
      cors: false,
    });
  });
});

describe('answers', () => {
  test('to an allowed origin can be read: of a server here and behind a hop, and no upstream says who may', async () => {
    world.upstream.script = (_, response) => {
      response.writeHead(200, {
        'content-type': 'application/json',
        'access-control-allow-origin': '*',
        vary: 'Accept',
      });
      response.end('{"jsonrpc":"2.0","id":1,"result":{}}');
    };
    for (const path of ['/mcp/near', '/mcp/far']) {
      const reply = await world.send('tls', [`origin: ${APP}`], { path });
      expect(reply.status).toBe(200);
      expect(Object.fromEntries(reply.headers)).toMatchObject({
        'access-control-allow-origin': APP,
        'access-control-expose-headers': EXPOSED,
        vary: 'Origin',
      });
    }
    expect(world.upstream.seen[0]?.headers).not.toHaveProperty('origin');
  });

  test('on a stream, too', async () => {
    world.upstream.script = (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end();
    const reply = await world.send('tls', [`origin: ${APP}`, 'accept: text/event-stream'], { method: 'GET' });
    expect([reply.status, reply.headers.get('access-control-allow-origin')]).toEqual([200, APP]);
  });

  test.each([
    ['401', { token: undefined }, 401],
    ['404', { path: '/mcp/nothing' }, 404],
    ['405', { method: 'PUT' }, 405],
  ])('a %s can be read', async (_what, over, status) => {
    const reply = await world.send('tls', [`origin: ${APP}`], over);
    expect([reply.status, reply.headers.get('access-control-allow-origin')]).toEqual([status, APP]);
  });

  test('without an Origin nothing of it is said', async () => {
    const reply = await world.send('tls', []);
    expect(reply.status).toBe(200);
    const names = [...reply.headers.keys()];
    expect(names.filter((name) => name.startsWith('access-control') || name === 'vary')).toEqual([]);
  });
});

describe('whose page may call', () => {
  test.each([
    ['tls', 'its own', 200],
    ['tls', APP, 200],
    ['tls', 'chrome-extension://inspector', 200],
    ['tls', 'http://localhost:6274', 403],
    ['loopback', 'http://localhost:6274', 200],
    ['loopback', 'http://127.0.0.1:3000', 200],
    ['loopback', 'http://[::1]:3000', 200],
    ['loopback', APP, 200],
  ] as const)('%s, %s: %i', async (door, origin, status) => {
    const from = origin === 'its own' ? world.mesh.url('aws') : origin;
    expect((await world.send(door, [`origin: ${from}`])).status).toBe(status);
  });
});
