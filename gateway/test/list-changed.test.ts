/** A snapshot that changes what a caller sees says so on his open streams; through one gateway and through two, in both eras. */
import type { ServerResponse } from 'node:http';
import type { WholeSnapshot } from '@portolan/core';
import { describe, expect, test } from 'vitest';
import { jsonHeaders } from './post.ts';
import { threeClouds } from './three-clouds.ts';
import { answerJson } from './upstream.ts';

const world = threeClouds();
const { aws } = world;

type Change = (tables: WholeSnapshot['tables']) => WholeSnapshot['tables'];
const grant = (user: string, server: string, more: object) => ({
  id: `more-${user}`,
  effect: 'allow' as const,
  principal: { kind: 'user' as const, name: user },
  server,
  everything: false,
  tools: [],
  prompts: [],
  resources: [],
  ...more,
});
const granting =
  (user: string, server: string, more: object): Change =>
  (tables) => ({ ...tables, grants: [...tables.grants, grant(user, server, more)] });
const publishing =
  (server: string, tools: object): Change =>
  (tables) => ({
    ...tables,
    servers: tables.servers.map((row) => (row.name === server ? { ...row, tools } : row)),
  });

const MODERN = '2026-07-28';
const all = { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true } };
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

const begin = (response: ServerResponse, headers = {}): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
  response.flushHeaders();
};
const data = (message: unknown): string => `data: ${JSON.stringify(message)}\n\n`;
const notice = (kind: string, id?: unknown) => ({
  jsonrpc: '2.0',
  method: `notifications/${kind}/list_changed`,
  ...(id !== undefined && { params: { _meta: { [SUBSCRIPTION]: id } } }),
});

/** An open stream, message by message. */
class Stream {
  readonly #reader: ReadableStreamDefaultReader<string> | undefined;
  readonly #leaving: AbortController;
  #text = '';

  constructor(reply: Response, leaving: AbortController) {
    expect(reply.status).toBe(200);
    this.#reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
    this.#leaving = leaving;
  }

  async next(): Promise<unknown> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const event = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        const line = event.split('\n').find((one) => one.startsWith('data: '));
        if (line) return JSON.parse(line.slice(6));
      } else {
        const step = await this.#reader?.read();
        if (!step || step.done) return undefined;
        this.#text += step.value;
      }
    }
  }

  leave(): void {
    this.#leaving.abort();
  }
}

async function opened(path: string, user: string, init: RequestInit & { headers?: object }): Promise<Stream> {
  const leaving = new AbortController();
  const authorization = `Bearer ${world.mesh.token(user)}`;
  const headers = { ...jsonHeaders, authorization, ...init.headers };
  return new Stream(await fetch(aws().door + path, { ...init, headers, signal: leaving.signal }), leaving);
}

/** A legacy server that sends `first` on its stream, and keeps it open for `speak`. */
function legacyServer(capabilities: object, form: 'json' | 'events' | 'primed' | 'chatty') {
  const streams: ServerResponse[] = [];
  world.upstream.script = (seen, response) => {
    if (seen.method === 'GET') {
      begin(response);
      streams.push(response);
      return;
    }
    const { id } = JSON.parse(seen.body);
    const answer = { jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25', capabilities } };
    const headers = { 'mcp-session-id': 's1' };
    if (form === 'json') return answerJson(response, answer, headers);
    begin(response, headers);
    if (form === 'primed') response.write('id: 0\ndata:\n\n');
    if (form === 'chatty') response.write(data({ jsonrpc: '2.0', method: 'notifications/message', params: {} }));
    response.write(data(answer)); // and it keeps this stream open, too
  };
  return streams;
}

async function session(path: string, user: string): Promise<string> {
  const leaving = new AbortController();
  const sent = { token: world.mesh.token(user), signal: leaving.signal };
  const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25' } };
  const reply = await world.ask(path, initialize, sent);
  const id = reply.headers.get('mcp-session-id') ?? '';
  leaving.abort();
  expect(id).not.toBe('');
  return id;
}
const get = async (path: string, user: string): Promise<Stream> =>
  opened(path, user, { method: 'GET', headers: { 'mcp-session-id': await session(path, user) } });

describe.each(['near', 'far'])('%s', (server) => {
  const path = `/mcp/${server}`;

  test.each(['json', 'events', 'primed'] as const)(
    'legacy, declared by an InitializeResult as %s: the stream of the session tells of the kinds that have changed',
    async (form) => {
      const streams = legacyServer(all, form);
      const stream = await get(path, 'alice');
      await world.mesh.apply(publishing(server, { exclude: ['drop_*'] }));
      expect(await stream.next()).toEqual(notice('tools'));
      await world.mesh.apply(granting('alice', server, { effect: 'deny', prompts: ['p'], resources: ['docs://*'] }));
      expect([await stream.next(), await stream.next()]).toEqual([notice('prompts'), notice('resources')]);
      streams[0]?.write(data({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'still here' } }));
      expect(await stream.next()).toMatchObject({ params: { data: 'still here' } });
      stream.leave();
    },
  );

  test('never inside an event of the server', async () => {
    const streams = legacyServer(all, 'json');
    const stream = await get(path, 'alice');
    const [head = '', tail = ''] = ['data: {"jsonrpc":"2.0","method":"noti', 'fications/message"}\n\n'];
    streams[0]?.write(head);
    await world.mesh.apply(publishing(server, { exclude: ['x'] }));
    expect(await stream.next()).toEqual(notice('tools'));
    streams[0]?.write(tail);
    expect(await stream.next()).toEqual({ jsonrpc: '2.0', method: 'notifications/message' });
    stream.leave();
  });

  test.each([
    ['JSON', 'json', { tools: {}, prompts: { listChanged: true } }],
    ['events', 'events', { prompts: { listChanged: true } }],
  ] as const)('not of what the server has not declared: %s', async (_form, form, capabilities) => {
    legacyServer(capabilities, form);
    const stream = await get(path, 'alice');
    await world.mesh.apply(granting('alice', server, { effect: 'deny', tools: ['x'], prompts: ['p'] }));
    expect(await stream.next()).toEqual(notice('prompts'));
    await world.mesh.apply(granting('alice', server, { effect: 'deny', tools: ['y'], prompts: ['q'] }));
    expect(await stream.next()).toEqual(notice('prompts')); // and none of tools has come between
    stream.leave();
  });

  test('not where it is not known what it has declared: what precedes an InitializeResult is not waited out', async () => {
    const streams = legacyServer(all, 'chatty');
    const ignorant = await get(path, 'alice');
    legacyServer(all, 'json');
    const knowing = await get(path, 'alice');
    await world.mesh.apply(publishing(server, { exclude: ['x'] }));
    expect(await knowing.next()).toEqual(notice('tools'));
    streams[0]?.write(data({ jsonrpc: '2.0', method: 'notifications/message' }));
    expect(await ignorant.next()).toMatchObject({ method: 'notifications/message' });
    for (const stream of [ignorant, knowing]) stream.leave();
  });

  test('not of what changes for others, or elsewhere, or does not change what is seen', async () => {
    legacyServer(all, 'json');
    const [alice, bob] = [await get(path, 'alice'), await get('/mcp/far', 'bob')];
    await world.mesh.apply(granting('alice', server === 'near' ? 'far' : 'near', { effect: 'deny', tools: ['y'] }));
    await world.mesh.apply(granting('alice', server, { tools: ['y'] })); // she has everything
    await world.mesh.apply();
    await world.mesh.apply(granting('bob', 'far', { tools: ['y'] }));
    expect(await bob.next()).toEqual(notice('tools'));
    await world.mesh.apply(granting('alice', server, { effect: 'deny', prompts: ['p'] }));
    expect(await alice.next()).toEqual(notice('prompts'));
    for (const stream of [alice, bob]) stream.leave();
  });

  test('of many changes in a row there is one notice; who may no longer use the server gets none', async () => {
    legacyServer(all, 'json');
    await world.mesh.apply(granting('bob', server, { tools: ['echo'] }));
    const [alice, bob] = [await get(path, 'alice'), await get(path, 'bob')];
    for (let i = 0; i < 10; i += 1) await world.mesh.apply(publishing(server, { exclude: [`x${i}`] }));
    await world.mesh.apply((tables) => ({
      ...tables,
      grants: tables.grants.filter(({ principal }) => principal.name !== 'bob'),
    }));
    expect(await bob.next().catch(() => undefined)).not.toMatchObject({ method: expect.anything() });
    expect(await alice.next()).toEqual(notice('tools'));
    await world.mesh.apply(granting('alice', server, { effect: 'deny', prompts: ['p'] }));
    expect(await alice.next()).toEqual(notice('prompts'));
    alice.leave();
  });

  const listen = (id: unknown, notifications: object) => ({
    method: 'POST',
    headers: { 'mcp-protocol-version': MODERN, 'mcp-method': 'subscriptions/listen' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id,
      method: 'subscriptions/listen',
      params: {
        notifications,
        _meta: { 'io.modelcontextprotocol/protocolVersion': MODERN, 'io.modelcontextprotocol/clientCapabilities': {} },
      },
    }),
  });
  const modernServer = (honoured: object) => {
    world.upstream.script = (seen, response) => {
      const { id } = JSON.parse(seen.body);
      begin(response);
      const params = { notifications: honoured, _meta: { [SUBSCRIPTION]: id } };
      response.write(data({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params }));
    };
  };

  test('modern: a change before the acknowledgement is told behind it, even where it comes in one piece with a comment', async () => {
    let speak = (): void => undefined;
    world.upstream.script = (seen, response) => {
      const { id } = JSON.parse(seen.body);
      begin(response);
      response.write(': hello\n\n');
      const params = { notifications: { toolsListChanged: true }, _meta: { [SUBSCRIPTION]: id } };
      const acknowledged = { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params };
      speak = () => void response.write(`: here it is\n\n${data(acknowledged)}`);
    };
    const stream = await opened(path, 'alice', listen(1, { toolsListChanged: true }));
    legacyServer(all, 'json');
    const other = await get(path, 'alice');
    await world.mesh.apply(publishing(server, { exclude: ['x'] }));
    expect(await other.next()).toEqual(notice('tools')); // this one would have been told by now
    speak();
    expect(await stream.next()).toMatchObject({ method: 'notifications/subscriptions/acknowledged' });
    expect(await stream.next()).toEqual(notice('tools', 1));
    for (const one of [stream, other]) one.leave();
  });

  test.each(['l-1', 7, 'é"'])('modern: what was asked for and granted, under the id of the request: %j', async (id) => {
    modernServer({ toolsListChanged: true, promptsListChanged: true });
    const stream = await opened(path, 'alice', listen(id, { toolsListChanged: true, resourcesListChanged: true }));
    expect(await stream.next()).toMatchObject({ method: 'notifications/subscriptions/acknowledged' });
    const deny = { effect: 'deny', tools: ['x'], prompts: ['x'], resources: ['x'] };
    await world.mesh.apply(granting('alice', server, deny));
    expect(await stream.next()).toEqual(notice('tools', id));
    await world.mesh.apply(granting('alice', server, { ...deny, tools: ['x', 'y'] }));
    expect(await stream.next()).toEqual(notice('tools', id)); // and none of the others has come between
    stream.leave();
  });
});
