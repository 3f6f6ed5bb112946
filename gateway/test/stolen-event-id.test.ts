/**
 * Event ids between principals. Servers keep one store of events for all sessions and ask nobody whose an id is (`server-everything` does not), so an id
 * that is not this caller's must never reach one.
 */
import { describe, expect, test } from 'vitest';
import { call, outcome } from './post.ts';
import { refusal, threeClouds } from './three-clouds.ts';
import type { Script } from './upstream.ts';

const world = threeClouds();
const { aws, azure } = world;

const stream = (user: string, path: string, headers: Record<string, string> = {}, at = aws()): Promise<Response> =>
  fetch(at.door + path, {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${world.mesh.token(user)}`, ...headers },
  });
const idsIn = (text: string): string[] => [...text.matchAll(/^id: ?(.*)$/gm)].map(([, id = '']) => id);
const message = (n: number): string =>
  JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: `secret ${n}` } });

/** Opens sessions, and gives every stream the same three events, the first of which primes it. */
const careless: Script = (seen, response) => {
  response.setHeader('mcp-session-id', 'upstream-session');
  if (seen.method !== 'GET') {
    response.writeHead(200, { 'content-type': 'application/json' });
    return void response.end(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(seen.body).id, result: {} }));
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(
    `retry: 250\nid: stream_0\ndata:\n\n: quiet\n\nevent: message\nid: stream_1\ndata: ${message(1)}\n\nid:stream_2\r\ndata: ${message(2)}\r\n\r\n`,
  );
};

async function session(user: string): Promise<Record<string, string>> {
  const token = world.mesh.token(user);
  const reply = await world.ask('/mcp/far', { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} }, { token });
  await reply.text();
  return { 'mcp-session-id': reply.headers.get('mcp-session-id') ?? '' };
}

describe.each(['/mcp/near', '/mcp/far'])('%s', (path) => {
  test('every id of a stream is sealed, the one that primes it too; all else is as the server sent it', async () => {
    world.upstream.script = careless;
    const text = await (await stream('alice', path)).text();
    const ids = idsIn(text);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{60,1024}$/);
    expect(text).toBe(
      `retry: 250\nid: ${ids[0]}\ndata:\n\n: quiet\n\nevent: message\nid: ${ids[1]}\ndata: ${message(1)}\n\nid: ${ids[2]}\r\ndata: ${message(2)}\r\n\r\n`,
    );
    expect(idsIn(await (await stream('alice', path)).text())).toEqual(ids); // a replay gives an event the id that it had
  });

  test('its caller takes a stream up again through any entry, and the server gets its own id', async () => {
    world.upstream.script = careless;
    const ids = idsIn(await (await stream('alice', path)).text());
    world.upstream.seen.length = 0;
    for (const entry of ['aws', 'gcp']) {
      const resumed = await stream('alice', path, { 'last-event-id': ids[1] ?? '' }, world.mesh.gateway(entry));
      expect(resumed.status).toBe(200);
      await resumed.text();
    }
    expect(world.upstream.seen.map(({ headers }) => headers['last-event-id'])).toEqual(['stream_1', 'stream_1']);
  });
});

test("another's event id, with one's own session: 400, in the same words as any id that nobody was given, and the server is not asked", async () => {
  world.upstream.script = careless;
  const hers = idsIn(await (await stream('alice', '/mcp/far', await session('alice'))).text());
  const his = idsIn(await (await stream('bob', '/mcp/far', await session('bob'))).text());
  const near = idsIn(await (await stream('alice', '/mcp/near')).text());
  const own = await session('bob');
  const stolen = {
    "alice's": hers[1],
    "alice's, torn": hers[1]?.slice(0, -4),
    "the server's own": 'stream_1',
    invented: 'x',
    "bob's, of another gateway": near[1],
    "bob's session": own['mcp-session-id'],
    'the nonce of one, the text of another': `${his[1]?.slice(0, 22)}${hers[1]?.slice(22)}`,
  };
  world.upstream.seen.length = 0;
  for (const [what, id] of Object.entries(stolen)) {
    const reply = await stream('bob', '/mcp/far', { ...own, 'last-event-id': id ?? '' });
    expect({ what, ...(await outcome(reply)) }).toEqual({
      what,
      status: 400,
      body: refusal(
        40004,
        'event_not_found',
        'Unknown event id: open the stream without Last-Event-ID.',
        null,
        'azure',
      ),
    });
  }
  expect(world.upstream.seen).toEqual([]);
  expect(azure().audit.records.at(-1)).toMatchObject({ code: 'event_not_found', user: 'bob', method: 'GET' });
  const resumed = await stream('bob', '/mcp/far', { ...own, 'last-event-id': his[1] ?? '' });
  expect(resumed.status).toBe(200);
  await resumed.text();
});

test('a modern stream has no ids: those of a server that sends them anyway do not get past', async () => {
  world.upstream.script = (seen, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`id: e1\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(seen.body).id, result: {} })}\n\n`);
  };
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const asked = { ...call('echo'), params: { name: 'echo', arguments: {}, _meta: meta } };
  const reply = await world.ask('/mcp/far', asked, {
    token: world.mesh.token('bob'),
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
  });
  expect(await reply.text()).toBe(':\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
});

test.each([
  ['too long', 'x'.repeat(900)],
  ['no text for a header', 'a\u0001b'],
])('an id that is %s is taken out, and the answer with it is not lost', async (_what, id) => {
  world.upstream.script = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`id: ${id}\ndata: {}\n\n`);
  };
  expect(await (await stream('alice', '/mcp/near')).text()).toBe(':\ndata: {}\n\n');
});
