/** Sessions between principals: an id opens for the one it was given to, at the server it was given by. */
import { expect, test } from 'vitest';
import { call, outcome } from './post.ts';
import { threeClouds } from './three-clouds.ts';

const world = threeClouds();
const { aws, azure, ask } = world;

test("another principal's session id, an invented one and one of another server: 404", async () => {
  world.upstream.script = (seen, response) => {
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
    (await outcome(await ask(path, call('echo'), { token: world.mesh.token(user), headers: { 'mcp-session-id': id } })))
      .status;
  expect(await asked('alice', '/mcp/far', sealed)).toBe(200);
  expect(world.upstream.seen.at(-1)?.headers['mcp-session-id']).toBe('upstream-1');
  const before = world.upstream.seen.length;
  expect([
    await asked('bob', '/mcp/far', sealed),
    await asked('alice', '/mcp/near', sealed),
    await asked('alice', '/mcp/far', 'upstream-1'),
  ]).toEqual([404, 404, 404]);
  for (const method of ['GET', 'DELETE']) {
    const stolen = await fetch(`${aws().door}/mcp/far`, {
      method,
      headers: {
        authorization: `Bearer ${world.mesh.token('bob')}`,
        'mcp-session-id': sealed,
        accept: 'text/event-stream',
      },
    });
    expect({ method, status: stolen.status, body: await stolen.json() }).toMatchObject({
      method,
      status: 404,
      body: { error: { data: { code: 'session_not_found', hop: 'azure' } } },
    });
  }
  expect(world.upstream.seen.length).toBe(before);
  expect(azure().audit.records.at(-1)).toMatchObject({ code: 'session_not_found', user: 'bob', method: 'DELETE' });
});
