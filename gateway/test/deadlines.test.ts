/** Deadlines through one gateway and through two: a registration's own, people who think, streams that say nothing. */
import type { ServerResponse } from 'node:http';
import { refuse } from '@portolan/core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../ports.ts';
import type { GatewayServer } from '../server.ts';
import { TestMesh } from './mesh.ts';
import { call, jsonHeaders, outcome, post } from './post.ts';
import { Upstream } from './upstream.ts';

const IDLE_MS = 400;
const QUIET_MS = 150;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The system's, which the test can put forward. */
class PutForward implements Clock {
  #by = 0;
  now(): number {
    return Date.now();
  }
  monotonic(): number {
    return performance.now() + this.#by;
  }
  put(ms: number): void {
    this.#by += ms;
  }
}

const clock = new PutForward();
let upstream: Upstream;
let mesh: TestMesh;
beforeAll(async () => {
  upstream = await Upstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { near: { gateway: 'aws', url: upstream.url }, far: { gateway: 'azure', url: upstream.url } },
    grants: ['near', 'far'].map((server) => ({ user: 'alice', server })),
    limits: { idleMs: IDLE_MS, quietMs: QUIET_MS },
    limitsOf: { azure: { quietMs: 1 } }, // it would say more, if it said anything
    clock,
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  mesh.restore();
  await mesh.apply();
  for (const gateway of mesh.gateways.values()) gateway.forget();
});

const register = (deadlines: { idleSeconds?: number; totalSeconds?: number }) =>
  mesh.apply((tables) => ({ ...tables, servers: tables.servers.map((server) => ({ ...server, deadlines })) }));
const ask = (path: string) => post(mesh.gateway('aws').door + path, call('echo'), { token: mesh.token('alice') });
const open = (path: string) =>
  fetch(mesh.gateway('aws').door + path, {
    headers: { ...jsonHeaders, authorization: `Bearer ${mesh.token('alice')}` },
  });

const beginEvents = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
};
const event = (message: object): string =>
  `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;
const question = (method: string) => event({ id: 'q1', method, params: {} });
const step = event({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } });
const answer = event({ id: 1, result: { content: [] } });

/** Reads on until `word` has come; answers all that has come since the last time. */
function reading(reply: Response): (word: string) => Promise<string> {
  const source = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
  return async (word) => {
    let text = '';
    while (!text.includes(word)) {
      const { value, done } = (await source?.read()) ?? { done: true };
      if (done) throw new Error(`ended without ${word}: ${text}`);
      text += value;
    }
    return text;
  };
}

/** All gateways have looked at their flights `times` times more. */
async function ticks(times = 1): Promise<void> {
  for (let i = 0; i < times; i += 1) await Promise.all([...mesh.gateways.values()].map(({ server }) => tick(server)));
}
async function tick({ flights }: GatewayServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const flight = flights.takeOff();
  flight.expire(1, 0, () => refuse('internal')); // long past
  flight.listen(() => resolve());
  await promise;
  flight.land();
}

describe.each(['/mcp/near', '/mcp/far'])('%s', (path) => {
  const last = () => mesh.gateway(path === '/mcp/far' ? 'azure' : 'aws');
  const timedOut = (text: string): void =>
    expect(text).toContain(`MCP server ${path.slice(5)} did not answer gateway ${last().name} in time: `);

  test('a registration may shorten the whole: both gateways hold to it', async () => {
    await register({ totalSeconds: 1, idleSeconds: 60 });
    upstream.script = (_seen, response) => beginEvents(response);
    const began = performance.now();
    timedOut(await (await ask(path)).text());
    expect(performance.now() - began).toBeLessThan(3_000);
    for (const gateway of mesh.gateways.values())
      for (const record of gateway.audit.records) expect(record).toMatchObject({ code: 'upstream_timeout' });
  });

  test('or lengthen the silence; without one the gateway has its own bound', async () => {
    let release = (): void => {};
    upstream.script = (_seen, response) => {
      release = () =>
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,"result":{}}');
    };
    expect((await outcome(await ask(path))).status).toBe(504);
    await register({ idleSeconds: 3_600 });
    const asked = ask(path);
    await ticks(5); // far longer than IDLE_MS
    release();
    expect((await outcome(await asked)).status).toBe(200);
  });

  test.each(['elicitation/create', 'sampling/createMessage', 'roots/list'])(
    'while a person thinks about %s, no deadline runs; from the next event on, they do',
    async (method) => {
      const response = Promise.withResolvers<ServerResponse>();
      upstream.script = (_seen, open) => {
        beginEvents(open);
        response.resolve(open);
      };
      const reply = await ask(path);
      const read = reading(reply);
      const server = await response.promise;
      server.write(question(method));
      await read(method);
      await ticks();
      clock.put(5 * HOUR);
      await ticks(5);
      server.write(': the server says that it lives\n\n');
      server.write(event({ id: 'p1', method: 'ping' }));
      await read('ping');
      clock.put(5 * HOUR);
      await ticks(5);
      server.write(step);
      await read('progress');
      // ten hours later it has its hour still, and its patience
      server.write(answer);
      expect(await read('"result"')).toContain('content');
      server.end();
    },
  );

  test('a server that has its answer and says nothing more is silent again', async () => {
    const response = Promise.withResolvers<ServerResponse>();
    upstream.script = (_seen, open) => {
      beginEvents(open);
      response.resolve(open);
    };
    const read = reading(await ask(path));
    const server = await response.promise;
    server.write(question('elicitation/create'));
    await read('elicitation');
    await ticks(5);
    server.write(step);
    await read('progress');
    timedOut(await read('"error"'));
  });

  test('an open stream that says nothing gets comments, from the gateway that faces the caller alone; none is taken for an event', async () => {
    const response = Promise.withResolvers<ServerResponse>();
    upstream.script = (_seen, open) => {
      beginEvents(open);
      response.resolve(open);
    };
    const reply = await open(path);
    const read = reading(reply);
    const server = await response.promise;
    expect(await read(':\r\n')).toBe(':\r\n');
    const began = performance.now();
    for (let i = 0; i < 5; i += 1) await read(':\r\n');
    expect(performance.now() - began).toBeGreaterThan(4 * QUIET_MS);
    server.write('event: message\ndata: {"jsonrpc":"2.0",'); // half an event
    await ticks(3);
    server.write('"method":"notifications/message","params":{}}\n\n');
    const text = await read('notifications');
    expect(text.replaceAll(':\r\n', '')).toBe(
      'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n',
    );
    expect(text).toMatch(/^(:\r\n)+event/);
    await reply.body?.cancel().catch(() => undefined);
    server.destroy();
  });

  test('an open stream has no deadline but the end of its token', async () => {
    const response = Promise.withResolvers<ServerResponse>();
    upstream.script = (_seen, open) => {
      beginEvents(open);
      response.resolve(open);
    };
    await mesh.apply((tables) => ({
      ...tables,
      tokens: tables.tokens.map((token) => ({ ...token, expiresAt: Date.now() + 100 * HOUR })),
    }));
    const reply = await open(path);
    const read = reading(reply);
    await response.promise;
    await ticks();
    clock.put(99 * HOUR);
    await ticks(5);
    await read(':');
    clock.put(2 * HOUR);
    await expect(read('never')).rejects.toThrow('ended');
    const records = () => last().audit.records.map(({ code, method }) => ({ code, method }));
    await expect.poll(records).toContainEqual({ code: 'token_expired', method: 'GET' });
  });
});
