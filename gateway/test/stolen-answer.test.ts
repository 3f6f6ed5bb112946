/**
 * Answers to another's elicitation. The server asks on a stream of one caller; the answer is a POST of its own, which names the request by a number that
 * anyone can guess. What tells callers apart is the sealed session alone, so the server here is a real one, and waits.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestMesh } from './mesh.ts';
import { outcome, post } from './post.ts';

let child: ChildProcess;
let mesh: TestMesh;

beforeAll(async () => {
  const file = new URL('../../examples/servers/mcp-legacy.ts', import.meta.url).pathname;
  child = spawn(process.execPath, [file, '--port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  if (!child.stdout) throw new Error('no output');
  const [line] = await once(createInterface(child.stdout), 'line');
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure', 'gcp'],
    servers: { legacy: { gateway: 'azure', url: /http:\S+/.exec(line)?.[0] ?? '' } },
    grants: ['alice', 'bob'].map((user) => ({ user, server: 'legacy' })),
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  child?.kill();
});

const url = (gateway: string): string => `${mesh.gateway(gateway).door}/mcp/legacy`;

async function connected(user: string) {
  const client = new Client({ name: 'test', version: '1' }, { capabilities: { elicitation: { form: {} } } });
  const requestInit = { headers: { authorization: `Bearer ${mesh.token(user)}` } };
  const transport = new StreamableHTTPClientTransport(new URL(url('aws')), { requestInit });
  const asked = Promise.withResolvers<string | number>();
  const answer = Promise.withResolvers<string>();
  client.setRequestHandler(ElicitRequestSchema, async (_request, { requestId }) => {
    asked.resolve(requestId);
    return { action: 'accept', content: { name: await answer.promise } };
  });
  await client.connect(transport as never); // its types are not written for exactOptionalPropertyTypes
  return { client, session: transport.sessionId ?? '', asked: asked.promise, answer: answer.resolve };
}
const call = (client: Client) => client.callTool({ name: 'trigger-elicitation-request', arguments: {} });

test("a stranger's answer reaches no session but his own; its owner's counts, from any entry gateway", async () => {
  const [alice, bob] = [await connected('alice'), await connected('bob')];
  let answered = false;
  const called = call(alice.client).finally(() => {
    answered = true;
  });
  const id = await alice.asked;
  const forged = { jsonrpc: '2.0', id, result: { action: 'accept', content: { name: 'Mallory' } } };
  const send = (headers: Record<string, string>, entry = 'aws') =>
    post(url(entry), forged, { token: mesh.token('bob'), headers });

  // with her session: as an unknown one
  for (const entry of ['aws', 'azure', 'gcp']) {
    expect(await outcome(await send({ 'mcp-session-id': alice.session }, entry))).toMatchObject({
      status: 404,
      body: { error: { data: { code: 'session_not_found', hop: 'azure' } } },
    });
  }
  // without one, and with his own: the server does not know what he answers
  expect((await send({})).status).toBe(400);
  expect((await send({ 'mcp-session-id': bob.session })).status).toBe(202);
  expect(answered).toBe(false);

  const own = { jsonrpc: '2.0', id, result: { action: 'accept', content: { name: 'Alice' } } };
  const headers = { 'mcp-session-id': alice.session };
  const reply = await post(url('gcp'), own, { token: mesh.token('alice'), headers });
  expect(reply.status).toBe(202);
  const result = JSON.stringify((await called).content);
  expect(result).toContain('Alice');
  expect(result).not.toContain('Mallory');
  alice.answer('too late');
  await Promise.all([alice.client.close(), bob.client.close()]);
});

test("a stranger's cancellation of another's call does not reach it", async () => {
  const [alice, bob] = [await connected('alice'), await connected('bob')];
  const called = call(alice.client);
  await alice.asked;
  const cancel = (requestId: number) => ({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
  for (const [session, status] of [
    [alice.session, 404],
    [bob.session, 202],
  ] as const) {
    for (const requestId of [0, 1, 2, 3]) {
      const headers = { 'mcp-session-id': session };
      const reply = await post(url('aws'), cancel(requestId), { token: mesh.token('bob'), headers });
      expect(reply.status).toBe(status);
      await reply.text();
    }
  }
  alice.answer('Alice');
  expect(JSON.stringify((await called).content)).toContain('Alice');
  await Promise.all([alice.client.close(), bob.client.close()]);
});

test('a lost stream of a real server is taken up again through another gateway, and by its caller alone', async () => {
  const { client, session, answer } = await connected('alice');
  const bob = await connected('bob');
  const authorization = (user: string) => ({ authorization: `Bearer ${mesh.token(user)}` });
  const headers = { 'mcp-session-id': session };
  const leaving = new AbortController();
  const body = { jsonrpc: '2.0', id: 77, method: 'tools/call', params: { name: 'trigger-elicitation-request' } };
  const stream = await post(url('aws'), body, { token: mesh.token('alice'), headers, signal: leaving.signal });
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('elicitation/create')) text += (await reader?.read())?.value ?? '';
  const [, eventId = ''] = /^id: (.*)$/m.exec(text) ?? [];
  const [, requestId = ''] = /"method":"elicitation\/create".*?"id":(\d+)/s.exec(text) ?? [];
  leaving.abort();

  const own = { jsonrpc: '2.0', id: Number(requestId), result: { action: 'accept', content: { name: 'Alice' } } };
  expect((await post(url('azure'), own, { token: mesh.token('alice'), headers })).status).toBe(202);
  const resume = (user: string, from: string, entry: string) =>
    fetch(url(entry), {
      headers: {
        accept: 'text/event-stream',
        ...authorization(user),
        'mcp-session-id': from,
        'last-event-id': eventId,
      },
      signal: AbortSignal.timeout(10_000),
    });
  expect((await resume('bob', bob.session, 'gcp')).status).toBe(400);
  const resumed = (await resume('alice', session, 'gcp')).body?.pipeThrough(new TextDecoderStream()).getReader();
  let replayed = '';
  while (!replayed.includes('"id":77')) replayed += (await resumed?.read())?.value ?? '';
  expect(replayed).toContain('Alice');
  await resumed?.cancel();
  answer('');
  await Promise.all([client.close(), bob.client.close()]);
});

test('a task of a real server is listed, watched and fetched by whoever started it', async () => {
  const { client, session } = await connected('alice');
  const bob = await connected('bob');
  const ask = async (method: string, params: object, user = 'alice', from = session) => {
    const headers = { 'mcp-session-id': from, 'mcp-protocol-version': '2025-11-25' };
    const reply = await post(
      url('aws'),
      { jsonrpc: '2.0', id: 9, method, params },
      { token: mesh.token(user), headers },
    );
    const sent = await reply.text();
    return JSON.parse(/(?:^data: |^)(\{.*\})$/m.exec(sent)?.[1] ?? '{}');
  };
  const research = { name: 'simulate-research-query', arguments: { topic: 'tea' }, task: { ttl: 60_000 } };
  const { task } = (await ask('tools/call', research)).result;
  expect(task.taskId).toMatch(/^[\w-]{60,1024}$/);
  expect((await ask('tasks/get', { taskId: task.taskId })).result.taskId).toBe(task.taskId);
  expect((await ask('tasks/list', {})).result.tasks).toMatchObject([{ taskId: task.taskId }]);
  expect((await ask('tasks/list', {}, 'bob', bob.session)).result.tasks).toEqual([]);
  for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
    expect(await ask(method, { taskId: task.taskId }, 'bob', bob.session)).toMatchObject({
      error: { code: -32602, message: 'Unknown task.' },
    });
  }
  expect((await ask('tasks/cancel', { taskId: task.taskId })).result).toMatchObject({
    taskId: task.taskId,
    status: 'cancelled',
  });
  await Promise.all([client.close(), bob.client.close()]);
});
