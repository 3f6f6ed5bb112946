/** Handles of one server at another one behind the same gateway, whose key they are sealed with: one server's ids are nobody's at the other. */
import { expect, test } from 'vitest';
import { outcome } from './post.ts';
import { threeClouds } from './three-clouds.ts';
import type { Script } from './upstream.ts';

const world = threeClouds();
const IDS = ['session', 'event', 'task', 'state'] as const;
type Ids = Readonly<Record<(typeof IDS)[number], string>>;

/** Hands out one of each, and takes whatever it gets. */
const generous: Script = (seen, response) => {
  const id = seen.method === 'POST' ? JSON.parse(seen.body).id : 0;
  const result = { task: { taskId: 'task' }, requestState: 'state' };
  response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 'session' });
  response.end(`id: event\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`);
};

const send = (path: string, method: string, params: object, headers: Record<string, string> = {}) =>
  world.ask(path, { jsonrpc: '2.0', id: 1, method, params }, { token: world.mesh.token('alice'), headers });

async function given(path: string): Promise<Ids> {
  const reply = await send(path, 'initialize', {});
  const [, event = '', data = '{}'] = /^id: (.*)\ndata: (.*)$/m.exec(await reply.text()) ?? [];
  const { task, requestState } = JSON.parse(data).result;
  return { session: reply.headers.get('mcp-session-id') ?? '', event, task: task.taskId, state: requestState };
}

/** Comes back with one of them. */
const use: Readonly<Record<keyof Ids, (path: string, id: string) => Promise<Response>>> = {
  session: (path, id) => send(path, 'ping', {}, { 'mcp-session-id': id }),
  event: (path, id) =>
    fetch(world.aws().door + path, {
      headers: {
        accept: 'text/event-stream',
        authorization: `Bearer ${world.mesh.token('alice')}`,
        'last-event-id': id,
      },
    }),
  task: (path, id) => send(path, 'tasks/get', { taskId: id }),
  state: (path, id) => send(path, 'tools/call', { name: 'echo', requestState: id }),
};

/** The whole answer, but for the request's own id. */
async function said(reply: Promise<Response>): Promise<string> {
  const { status, body } = await outcome(await reply);
  return `${status} ${JSON.stringify(body).replace(/"requestId":"[^"]+"/, '')}`;
}

test.each(IDS)('%s: known where it is from, unknown to the same caller elsewhere; no server is asked', async (kind) => {
  world.upstream.script = generous;
  const [near, named] = [await given('/mcp/near'), await given('/mcp/named')];
  expect(near[kind]).not.toBe(named[kind]);
  const known = await use[kind]('/mcp/near', near[kind]);
  expect(known.status).toBe(200);
  expect(await known.text()).toContain('"result"');
  world.upstream.seen.length = 0;
  const foreign = await said(use[kind]('/mcp/named', near[kind]));
  expect(foreign).toMatch(/_not_found|_unknown/);
  expect(foreign).toBe(await said(use[kind]('/mcp/named', 'invented')));
  expect(world.upstream.seen).toEqual([]);
});
