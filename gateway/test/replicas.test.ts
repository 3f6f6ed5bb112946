/**
 * Two replicas of each of two gateways, and a server with sessions that asks its callers: every request of a session takes another way, at random, and
 * nothing that a server or a client waits for is lost, whichever replica is started anew meanwhile.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peerIs, TestMesh } from './mesh.ts';
import { call, jsonHeaders } from './post.ts';

const TIMES = 100;
const ENTRIES = ['aws', 'aws-2'];
const HANDLERS = ['azure', 'azure-2'];

let server: ChildProcess;
let mesh: TestMesh;
beforeAll(async () => {
  const file = new URL('../../examples/servers/mcp-legacy.ts', import.meta.url).pathname;
  server = spawn(process.execPath, [file, '--port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(createInterface(server.stdout as NodeJS.ReadableStream), 'line');
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    replicas: 2,
    servers: { far: { gateway: 'azure', url: /http:\S+/.exec(line)?.[0] ?? '' } },
    grants: [{ user: 'alice', server: 'far' }],
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  server?.kill();
});

const anyOf = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)] as T;

/** The path of one MCP server at a replica of the entry, from which the next call goes to a replica of the handling gateway. */
async function anyWay(): Promise<string> {
  const to = mesh.gateway(anyOf(HANDLERS)).tls.port;
  await mesh.apply(peerIs('azure', { dial: `127.0.0.1:${to}` }));
  return `${mesh.gateway(anyOf(ENTRIES)).door}/mcp/far`;
}

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly data?: unknown };
  readonly result?: { readonly content?: readonly { readonly text?: string }[] };
}
interface Event {
  readonly id: string;
  readonly message: Message;
}

async function* events(reply: Response): AsyncGenerator<Event, void> {
  let text = '';
  for await (const chunk of reply.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const data = /^data: (.+)$/m.exec(part)?.[1];
      if (data) yield { id: /^id: (.+)$/m.exec(part)?.[1] ?? '', message: JSON.parse(data) };
    }
  }
}

/** What a person, or his model, would say. */
const ANSWERS: Readonly<Record<string, object>> = {
  'elicitation/create': { action: 'accept', content: { name: 'Ada', check: true } },
  'sampling/createMessage': { role: 'assistant', model: 'test', content: { type: 'text', text: 'sampled' } },
  'roots/list': { roots: [{ uri: 'file:///here', name: 'here' }] },
};

/** A client that keeps nothing but its session id. */
class Session {
  #id = '';
  #requests = 0;
  /** Methods of the requests that it has answered. */
  readonly answered: string[] = [];

  static async open(): Promise<Session> {
    const session = new Session();
    const capabilities = { elicitation: {}, sampling: {}, roots: { listChanged: true } };
    const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'raw', version: '1' } };
    const reply = await session.send('POST', { jsonrpc: '2.0', id: 0, method: 'initialize', params });
    await reply.text();
    session.#id = reply.headers.get('mcp-session-id') ?? '';
    await session.post({ method: 'notifications/initialized' });
    return session;
  }

  async send(method: string, body?: object, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(await anyWay(), {
      method,
      headers: {
        ...jsonHeaders,
        authorization: `Bearer ${mesh.token('alice')}`,
        ...(this.#id && { 'mcp-session-id': this.#id, 'mcp-protocol-version': '2025-11-25' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  /** The server's own stream; it allows one at a time (409), and may not have heard yet that the last one has ended. */
  async listen(): Promise<Response> {
    for (;;) {
      const reply = await this.send('GET');
      if (reply.status !== 409) return reply;
      await reply.text();
    }
  }

  /** A notification, or a response. */
  async post(message: object): Promise<void> {
    const reply = await this.send('POST', { jsonrpc: '2.0', ...message });
    expect(reply.status).toBe(202);
    await reply.text();
  }

  /** Calls a tool, answers what it asks, and tells the text of its result. */
  async call(tool: string, args: object = {}): Promise<string> {
    this.#requests += 1;
    const id = this.#requests;
    for await (const { message } of events(await this.send('POST', call(tool, args, id)))) {
      if (message.method) await this.answer(message);
      else if (message.id === id) return message.result?.content?.[0]?.text ?? JSON.stringify(message);
    }
    throw new Error(`the stream of ${tool} has ended without a response`);
  }

  async answer({ id, method = '' }: Message): Promise<void> {
    if (id === undefined) return;
    await this.post({ id, result: ANSWERS[method] });
    this.answered.push(method);
  }
}

describe.each(['as they are', 'one of them restarted before every tenth call'])('replicas, %s', (restarts) => {
  const tenth = async (i: number): Promise<void> => {
    if (restarts !== 'as they are' && i % 10 === 9) await mesh.restart(anyOf([...ENTRIES, ...HANDLERS]));
  };

  test.each([
    ['elicitation', 'trigger-elicitation-request', {}, 'elicitation/create', /provided/],
    ['sampling', 'trigger-sampling-request', { prompt: 'say' }, 'sampling/createMessage', /sampled/],
  ])(`%s works ${TIMES} times of ${TIMES}`, async (_what, tool, args, asked, said) => {
    const session = await Session.open();
    for (let i = 0; i < TIMES; i += 1) {
      await tenth(i);
      expect(await session.call(tool, args)).toMatch(said);
    }
    expect(session.answered).toEqual(Array(TIMES).fill(asked));
  });

  test(`a server that asks for roots on its own stream is answered ${TIMES} times of ${TIMES}`, async () => {
    const session = await Session.open();
    for (let i = 0; i < TIMES; i += 1) {
      await tenth(i);
      const stream = await session.listen();
      await session.post({ method: 'notifications/roots/list_changed' });
      let answered = false;
      for await (const { message } of events(stream)) {
        if (message.method === 'roots/list') await session.answer(message);
        answered ||= message.method === 'roots/list';
        // it says so once it has the answer
        if (answered && JSON.stringify(message.params?.data ?? '').includes('Roots updated')) break;
      }
      expect(answered).toBe(true);
    }
  });

  test('a stream is taken up at another replica, and the end of a session is one everywhere', async () => {
    const session = await Session.open();
    await tenth(9);
    const args = { duration: 0.2, steps: 2 };
    const work = { ...call('trigger-long-running-operation', args, 'work') };
    const params = { ...work.params, _meta: { progressToken: 'p' } };
    const seen: Event[] = [];
    for await (const event of events(await session.send('POST', { ...work, params }))) seen.push(event);
    expect(seen.at(-1)?.message).toMatchObject({ id: 'work', result: {} });
    await tenth(9);
    const again: Event[] = [];
    const last = seen[0]?.id ?? '';
    for await (const event of events(await session.send('GET', undefined, { 'last-event-id': last }))) {
      again.push(event);
      if (event.message.id === 'work') break;
    }
    expect(again.map(({ message }) => message)).toEqual(seen.slice(1).map(({ message }) => message));
    await tenth(9);
    expect((await session.send('DELETE')).status).toBe(200);
    await tenth(9);
    expect((await session.send('POST', call('echo', { message: 'gone' }))).status).toBeGreaterThanOrEqual(400);
  });

  test('both replicas of both gateways have had their part', () => {
    if (restarts === 'as they are')
      for (const [replica, { audit }] of mesh.gateways)
        expect([replica, audit.records.length > TIMES]).toEqual([replica, true]);
  });
});
