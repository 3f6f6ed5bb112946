/** SIGTERM's work: calls in flight end well, kept connections are told to close, streams do not hold the end up. */
import { Agent, request } from 'undici';
import { expect, test } from 'vitest';
import { drain } from '../drain.ts';
import { TestMesh } from './mesh.ts';
import { call, jsonHeaders } from './post.ts';
import { answerEcho, type Seen, Upstream } from './upstream.ts';

const start = (url: string) =>
  TestMesh.start({
    gateways: ['aws'],
    servers: { near: { gateway: 'aws', url } },
    grants: [{ user: 'alice', server: 'near' }],
  });

const drained = (mesh: TestMesh, callsMs: number, idleMs = 100) => {
  const { server, tls, loopback } = mesh.gateway('aws');
  return drain(server, [tls, loopback], { callsMs, idleMs });
};
const ask = (mesh: TestMesh, dispatcher?: Agent, method: 'POST' | 'GET' = 'POST') =>
  request(`${mesh.gateway('aws').door}/mcp/near`, {
    method,
    headers: { ...jsonHeaders, authorization: `Bearer ${mesh.token('alice')}` },
    ...(method === 'POST' && { body: JSON.stringify(call('echo')) }),
    ...(dispatcher && { dispatcher }),
  });

test('a call in flight is answered, with Connection: close; nobody new gets in', async () => {
  const release = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<Seen>();
  await using upstream = await Upstream.start(async (seen, response) => {
    arrived.resolve(seen);
    await release.promise;
    answerEcho(seen, response);
  });
  await using mesh = await start(upstream.url);
  const asked = ask(mesh);
  await arrived.promise;
  const ended = drained(mesh, 5_000);
  await expect(ask(mesh, new Agent())).rejects.toThrow(/ECONNREFUSED/);
  release.resolve();
  const reply = await asked;
  expect({ status: reply.statusCode, connection: reply.headers.connection }).toEqual({
    status: 200,
    connection: 'close',
  });
  await reply.body.text();
  await ended;
  expect(mesh.gateway('aws').audit.records).toMatchObject([{ status: 'success' }]);
});

test('a kept connection may bring one more request', async () => {
  await using upstream = await Upstream.start();
  await using mesh = await start(upstream.url);
  const kept = new Agent({ connections: 1, keepAliveTimeout: 10_000 });
  await (await ask(mesh, kept)).body.text();
  const ended = drained(mesh, 5_000, 2_000);
  const reply = await ask(mesh, kept);
  expect({ status: reply.statusCode, connection: reply.headers.connection }).toEqual({
    status: 200,
    connection: 'close',
  });
  await reply.body.text();
  await ended;
});

test("a server's stream is ended at once and well, an idle connection last", async () => {
  await using upstream = await Upstream.start((seen, response) => {
    if (seen.method === 'POST') return answerEcho(seen, response);
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  });
  await using mesh = await start(upstream.url);
  const idle = new Agent({ connections: 1, keepAliveTimeout: 60_000 });
  await (await ask(mesh, idle)).body.text();
  const stream = await ask(mesh, new Agent(), 'GET');
  const began = performance.now();
  await drained(mesh, 60_000);
  expect(await stream.body.text()).toBe('');
  expect(performance.now() - began).toBeLessThan(3_000);
  expect(mesh.gateway('aws').audit.records.at(-1)).toMatchObject({ method: 'GET', status: 'success', code: null });
});

test('a call that takes too long is ended with a sentence', async () => {
  const arrived = Promise.withResolvers<Seen>();
  await using upstream = await Upstream.start((seen) => arrived.resolve(seen));
  await using mesh = await start(upstream.url);
  const asked = ask(mesh);
  const seen = await arrived.promise;
  await drained(mesh, 50);
  const reply = await asked;
  expect(reply.statusCode).toBe(503);
  expect(await reply.body.json()).toMatchObject({
    id: 1,
    error: { code: 50305, message: 'Gateway aws is shutting down.' },
  });
  await seen.closed;
  expect(mesh.gateway('aws').audit.records).toMatchObject([{ code: 'draining', status: 'failed' }]);
});
