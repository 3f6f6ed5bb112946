/** Calls over one link between two gateways: long bodies, slow readers, and many at once. */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { peerIs, TestMesh } from './mesh.ts';
import { call, outcome, post } from './post.ts';
import { answerEcho, answerJson, type Seen, Upstream } from './upstream.ts';
import { Wire } from './wire.ts';

const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 10_000, interval: 2 });
const NARROW_BYTES = 100_000;

let upstream: Upstream;
let mesh: TestMesh;
/** Between aws and azure. */
let wire: Wire;

beforeAll(async () => {
  upstream = await Upstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure', 'gcp'],
    servers: { far: { gateway: 'azure', url: upstream.url }, narrow: { gateway: 'gcp', url: upstream.url } },
    grants: ['alice', 'bob'].flatMap((user) => ['far', 'narrow'].map((server) => ({ user, server }))),
    limitsOf: { gcp: { bodyBytes: NARROW_BYTES } },
  });
  wire = await Wire.start(() => mesh.gateway('azure').tls.port);
  await mesh.apply(peerIs('azure', { dial: `127.0.0.1:${wire.port}` }));
});
afterEach(() => {
  upstream.script = answerEcho;
  upstream.seen.length = 0;
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await wire?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

const ask = (body: unknown, { server = 'far', user = 'alice', ...sent }: Asked = {}) =>
  post(`${mesh.gateway('aws').door}/mcp/${server}`, body, { token: mesh.token(user), ...sent });
interface Asked {
  readonly server?: string;
  readonly user?: string;
  readonly signal?: AbortSignal;
}
const text = (bytes: number): string => randomBytes((bytes * 3) / 4).toString('base64');
const event = (message: unknown): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`;
const note = (data: string) => ({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } });
const result = (more: object) => ({ jsonrpc: '2.0', id: 1, result: { content: [], ...more } });
const beginEvents = (response: ServerResponse): void =>
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
/** Events without end, as fast as they are taken; `held` says whether nobody takes any more. */
function endless(): { readonly held: () => Promise<boolean>; readonly seen: Promise<Seen> } {
  const arrived = Promise.withResolvers<Seen>();
  let written = 0;
  upstream.script = (seen, response) => {
    beginEvents(response);
    const pump = (): void => {
      do written += 1;
      while (!response.destroyed && response.write(event(note(text(60_000)))));
      if (!response.destroyed) response.once('drain', pump);
    };
    pump();
    arrived.resolve(seen);
  };
  const held = async (): Promise<boolean> => {
    const before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return before > 0 && before === written;
  };
  return { held, seen: arrived.promise };
}

test('a long answer comes byte for byte', async () => {
  const message = result({ long: text(5_000_000) });
  upstream.script = (_seen, response) => answerJson(response, message);
  const reply = await ask(call('echo'));
  expect(reply.status).toBe(200);
  expect((await reply.text()) === JSON.stringify(message)).toBe(true);
});

test('a long stream comes event for event', async () => {
  const events = [...Array.from({ length: 400 }, (_, i) => event(note(`${i} ${text(10_000)}`))), event(result({}))];
  upstream.script = async (_seen, response) => {
    beginEvents(response);
    for (const one of events) {
      if (!response.write(one)) await new Promise((resolve) => response.once('drain', resolve));
    }
    response.end();
  };
  expect((await (await ask(call('echo'))).text()) === events.join('')).toBe(true);
});

test('a long request comes byte for byte', async () => {
  const body = JSON.stringify(call('echo', { long: text(3_900_000) }));
  expect((await outcome(await ask(body))).status).toBe(200);
  expect(upstream.seen.map((seen) => seen.body === body)).toEqual([true]);
});

test('a request that is too long for the handling gateway alone: 413, and it says so', async () => {
  for (const bytes of [NARROW_BYTES, 3_900_000]) {
    const reply = await ask(call('echo', { long: text(bytes) }), { server: 'narrow' });
    expect(await outcome(reply)).toMatchObject({
      status: 413,
      body: { error: { data: { code: 'body_too_large', hop: 'gcp' } } },
    });
  }
  expect(upstream.seen).toEqual([]);
  expect((await ask(call('echo'), { server: 'narrow' })).status).toBe(200);
});

test('who does not read holds up nobody else on the same link; when he leaves, the server sees it', async () => {
  const stream = endless();
  const leaving = new AbortController();
  await ask(call('echo'), { signal: leaving.signal });
  const seen = await stream.seen;
  await vi.waitUntil(stream.held, { timeout: 20_000 });
  upstream.script = answerEcho;
  for (const user of ['bob', 'alice']) {
    const replies = await Promise.all(Array.from({ length: 50 }, () => ask(call('echo'), { user })));
    expect(replies.map(({ status }) => status)).toEqual(Array(50).fill(200));
  }
  upstream.script = (_seen, response) => answerJson(response, result({ long: text(2_000_000) }));
  expect((await (await ask(call('echo'))).text()).length).toBeGreaterThan(2_000_000);
  expect(wire.connections).toBe(1);
  leaving.abort();
  await seen.closed;
  for (const name of ['aws', 'azure']) await until(() => mesh.gateway(name).server.flights.size === 0);
});

test('two hundred calls at once share one connection, also those that made it; the one before has ended', async () => {
  expect((await ask(call('echo'))).status).toBe(200);
  const own = mesh.gateway('aws').identity;
  own.set(own.current()); // a new link
  const before = wire.connections;
  const waiting: (() => void)[] = [];
  upstream.script = (seen, response) => waiting.push(() => answerEcho(seen, response));
  const replies = Array.from({ length: 200 }, (_, id) => ask(call('echo', {}, id)));
  await until(() => waiting.length === 200);
  for (const answer of waiting.reverse()) answer();
  for (const [id, reply] of replies.entries())
    expect(await outcome(await reply)).toMatchObject({ status: 200, body: { id } });
  expect(wire.connections).toBe(before + 1);
  await until(() => wire.open === 1);
});

test('a listener that stops ends its links with the last call on them', async () => {
  const arrived = Promise.withResolvers<() => void>();
  upstream.script = (seen, response) => arrived.resolve(() => answerEcho(seen, response));
  const reply = ask(call('echo'), { server: 'narrow' });
  const answer = await arrived.promise;
  const stopped = mesh.gateway('gcp').tls.stop();
  answer();
  expect((await reply).status).toBe(200);
  await stopped;
});
