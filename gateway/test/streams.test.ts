/** What streams: unbuffered, filtered, cancelled at once, recorded before the end; through one gateway and through two. */
import type { ServerResponse } from 'node:http';
import { beforeEach, describe, expect, test } from 'vitest';
import { call, jsonHeaders, outcome } from './post.ts';
import { threeClouds } from './three-clouds.ts';
import { answerJson, type Seen } from './upstream.ts';

const world = threeClouds();
const { aws, azure } = world;

beforeEach(() =>
  world.mesh.apply((tables) => ({
    ...tables,
    grants: [
      ...tables.grants.filter(({ principal }) => principal.name === 'alice'),
      ...['near', 'far'].map((server) => ({ ...listed, id: server, server })),
    ],
  })),
);
/** What bob may see of each list. */
const listed = {
  effect: 'allow' as const,
  principal: { kind: 'user' as const, name: 'bob' },
  everything: false,
  tools: ['a*'],
  prompts: ['p'],
  resources: ['docs://*'],
};

const ask = (path: string, body: unknown, user = 'alice', signal?: AbortSignal) =>
  world.ask(path, body, { token: world.mesh.token(user), ...(signal && { signal }) });
const open = (path: string, method = 'GET', signal?: AbortSignal) =>
  fetch(aws().door + path, {
    method,
    headers: { ...jsonHeaders, authorization: `Bearer ${world.mesh.token('alice')}` },
    ...(signal && { signal }),
  });

const event = (message: unknown, id?: string): string =>
  `event: message\n${id ? `id: ${id}\n` : ''}data: ${JSON.stringify(message)}\n\n`;
const progress = (n: number) => ({
  jsonrpc: '2.0',
  method: 'notifications/progress',
  params: { progressToken: 1, progress: n },
});
const result = (id: unknown, more: object = {}) => ({ jsonrpc: '2.0', id, result: { content: [], ...more } });
const beginEvents = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
};
async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
const reader = (reply: Response) => {
  const source = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
  return async (): Promise<string | undefined> => (await source?.read())?.value;
};

describe.each(['/mcp/near', '/mcp/far'])('%s', (path) => {
  const last = () => (path === '/mcp/far' ? azure() : aws());

  test('events go on as they come', async () => {
    const step = Promise.withResolvers<void>();
    world.upstream.script = async (seen, response) => {
      beginEvents(response);
      response.write(event(progress(1)));
      await step.promise;
      response.end(event(result(JSON.parse(seen.body).id)));
    };
    const reply = await ask(path, call('echo'));
    const read = reader(reply);
    expect(await read()).toBe(event(progress(1))); // the server has not sent the rest, and will not before this line
    step.resolve();
    expect(await read()).toBe(event(result(1)));
    expect(await read()).toBeUndefined();
    expect(last().audit.records).toMatchObject([{ status: 'success', http_status: 200 }]);
  });

  test('an event as long as `answerBytes` allows goes on, a longer one ends the stream', async () => {
    const big = (bytes: number) => {
      world.upstream.script = (seen, response) => {
        beginEvents(response);
        response.end(event(result(JSON.parse(seen.body).id, { padding: 'x'.repeat(bytes) })));
      };
    };
    big(900_000);
    expect((await (await ask(path, call('echo'))).text()).length).toBeGreaterThan(900_000);
    big(1_100_000);
    expect(await (await ask(path, call('echo'))).text()).toContain('upstream_invalid');
  });

  test('a caller who leaves while the server thinks ends the exchange at once', async () => {
    const arrived = Promise.withResolvers<Seen>();
    world.upstream.script = (seen) => arrived.resolve(seen);
    const leaving = new AbortController();
    const asked = ask(path, call('echo'), 'alice', leaving.signal).catch(() => 'left');
    const seen = await arrived.promise;
    leaving.abort();
    expect(await asked).toBe('left');
    await seen.closed;
    await eventually(() => aws().audit.records.length === 1 && last().audit.records.length === 1);
    for (const gateway of [aws(), last()])
      expect(gateway.audit.records).toMatchObject([{ code: 'caller_left', status: 'failed' }]);
    expect(world.upstream.seen).toHaveLength(1); // no cancel was invented
  });

  test('a caller who leaves a stream ends it at the server', async () => {
    const arrived = Promise.withResolvers<Seen>();
    world.upstream.script = (seen, response) => {
      beginEvents(response);
      response.write(event(progress(1)));
      arrived.resolve(seen);
    };
    const leaving = new AbortController();
    const reply = await ask(path, call('echo'), 'alice', leaving.signal);
    const read = reader(reply);
    await read();
    leaving.abort();
    await (await arrived.promise).closed;
    await eventually(() => last().audit.records.length === 1);
    expect(last().audit.records).toMatchObject([{ code: 'caller_left' }]);
  });

  test("the server's own stream: opened at once though it is quiet, left without a failure", async () => {
    const arrived = Promise.withResolvers<Seen>();
    world.upstream.script = (seen, response) => {
      beginEvents(response);
      arrived.resolve(seen);
    };
    const leaving = new AbortController();
    const reply = await open(path, 'GET', leaving.signal);
    expect({ status: reply.status, type: reply.headers.get('content-type') }).toEqual({
      status: 200,
      type: 'text/event-stream',
    });
    leaving.abort();
    await (await arrived.promise).closed;
    await eventually(() => aws().audit.records.length === 1 && last().audit.records.length === 1);
    for (const gateway of [aws(), last()])
      expect(gateway.audit.records).toMatchObject([{ method: 'GET', status: 'success', code: null }]);
  });

  test('DELETE, and a 405 to GET, pass', async () => {
    world.upstream.script = (seen, response) =>
      void response.writeHead(seen.method === 'GET' ? 405 : 204, seen.method === 'GET' ? { allow: 'POST' } : {}).end();
    const [get, del] = [await open(path), await open(path, 'DELETE')];
    expect([get.status, get.headers.get('allow'), del.status]).toEqual([405, 'POST', 204]);
    await get.text();
    expect(aws().audit.records).toMatchObject([
      { method: 'GET', http_status: 405, status: 'success' },
      { method: 'DELETE', http_status: 204 },
    ]);
  });

  test('a notification: 202 without a body', async () => {
    world.upstream.script = (_seen, response) => void response.writeHead(202).end();
    const reply = await ask(path, { jsonrpc: '2.0', method: 'notifications/initialized' });
    expect(await outcome(reply)).toEqual({ status: 202, body: undefined });
    expect(aws().audit.records).toMatchObject([{ method: 'notifications/initialized', status: 'success' }]);
  });

  const lists = {
    tools: [{ name: 'a1' }, { name: 'b1', x: 1.0 }, { name: 'a2' }],
    prompts: [{ name: 'p' }, { name: 'q' }],
    resources: [{ uri: 'docs://1' }, { uri: 'secret://1' }],
    resourceTemplates: [{ uriTemplate: 'docs://{x}' }, { uriTemplate: '{x}' }],
  };
  const mine = {
    tools: [{ name: 'a1' }, { name: 'a2' }],
    prompts: [{ name: 'p' }],
    resources: [{ uri: 'docs://1' }],
    resourceTemplates: [{ uriTemplate: 'docs://{x}' }],
  };

  test.each(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'tools/call'])(
    'lists are filtered in the answer to %s, in JSON and in events',
    async (method) => {
      const asked = { ...call('a1'), method };
      world.upstream.script = (_seen, response) => answerJson(response, result(1, lists));
      expect((await outcome(await ask(path, asked, 'bob'))).body).toEqual(result(1, mine));
      world.upstream.script = (_seen, response) => {
        beginEvents(response);
        response.end(event(progress(1), 'e1') + event(result(1, lists), 'e2'));
      };
      const text = await (await ask(path, asked, 'bob')).text();
      const [first = '', second = ''] = text.match(/(?<=^id: )[\w-]{60,}$/gm) ?? [];
      expect(text).toBe(event(progress(1), first) + event(result(1, mine), second));
      expect(first).not.toBe(second);
    },
  );

  test("a list in the server's own stream, as in a replay, is filtered", async () => {
    world.upstream.script = (_seen, response) => {
      beginEvents(response);
      response.end(event(result(5, lists), 'replayed'));
    };
    const replay = async (lastEventId?: string): Promise<string> => {
      const authorization = `Bearer ${world.mesh.token('bob')}`;
      const resuming = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
      return (await fetch(aws().door + path, { headers: { ...jsonHeaders, authorization, ...resuming } })).text();
    };
    const id = /^id: (.*)$/m.exec(await replay())?.[1] ?? '';
    expect(await replay(id)).toBe(event(result(5, mine), id));
    expect(world.upstream.seen[1]?.headers['last-event-id']).toBe('replayed');
  });

  test('a long answer streams; one that turns out to be a list is cut before it', async () => {
    const long = 'x'.repeat(600_000);
    world.upstream.script = (_seen, response) => answerJson(response, result(1, { long }));
    expect((await outcome(await ask(path, call('a1'), 'bob'))).body).toEqual(result(1, { long }));
    world.upstream.script = (_seen, response) => answerJson(response, result(1, { long, ...lists }));
    const reply = await ask(path, call('a1'), 'bob');
    await expect(reply.text()).rejects.toThrow();
    await eventually(() => aws().audit.records.length === 2);
    for (const gateway of [aws(), last()])
      expect(gateway.audit.records[1]).toMatchObject({ code: 'upstream_invalid', status: 'failed' });
  });

  test('a list longer than the bound: 502', async () => {
    world.upstream.script = (_seen, response) =>
      answerJson(response, result(1, { tools: [{ name: 'a', d: 'x'.repeat(1_200_000) }] }));
    const reply = await ask(path, { jsonrpc: '2.0', id: 1, method: 'tools/list' });
    expect(await outcome(reply)).toMatchObject({
      status: 502,
      body: { id: 1, error: { data: { code: 'upstream_invalid', hop: last().name } } },
    });
  });

  test('the record is written before the last byte: of JSON, and of the event that answers', async () => {
    const written = Promise.withResolvers<void>();
    last().audit.delay = () => written.promise;
    const done: string[] = [];
    const asked = ask(path, call('echo')).then(async (reply) => done.push(await reply.text()));
    await eventually(() => world.upstream.seen.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(done).toEqual([]);
    written.resolve();
    await asked;
    expect(done[0]).toContain('pong');

    const again = Promise.withResolvers<void>();
    last().audit.delay = () => again.promise;
    world.upstream.script = (_seen, response) => {
      beginEvents(response);
      response.write(event(progress(1)));
      response.write(event(result(1)));
    }; // and it does not end the stream
    const leaving = new AbortController();
    const read = reader(await ask(path, call('echo'), 'alice', leaving.signal));
    expect(await read()).toBe(event(progress(1)));
    const answer = read();
    const first = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 50, 'held'))]);
    expect(first).toBe('held');
    again.resolve();
    expect(await answer).toBe(event(result(1)));
    expect(last().audit.records.at(-1)).toMatchObject({ status: 'success' });
    leaving.abort();
    await answer;
    expect(last().audit.records).toHaveLength(2); // once, though the caller left afterwards
  });

  test('a server that breaks off tells the caller on the stream which hop it was', async () => {
    world.upstream.script = (_seen, response) => {
      beginEvents(response);
      response.write(event(progress(1)));
      setTimeout(() => response.destroy(), 20);
    };
    const text = await (await ask(path, call('echo', {}, 'q'))).text();
    const [first, second] = text.split('\n\n');
    expect(`${first}\n\n`).toBe(event(progress(1)));
    const name = path.slice(5);
    expect(JSON.parse(second?.split('data: ')[1] ?? '{}')).toMatchObject({
      id: 'q',
      error: {
        code: 50212,
        message: `The connection from gateway ${last().name} to MCP server ${name} broke off.`,
        data: { code: 'upstream_failed', hop: last().name },
      },
    });
    for (const gateway of [aws(), last()])
      expect(gateway.audit.records).toMatchObject([{ code: 'upstream_failed', status: 'failed', http_status: 200 }]);
  });

  test('a stream that can be taken up again breaks off as it is', async () => {
    world.upstream.script = (_seen, response) => {
      beginEvents(response);
      response.write(event(progress(1), 'e1'));
      setTimeout(() => response.destroy(), 20);
    };
    const reply = await ask(path, call('echo'));
    await expect(reply.text()).rejects.toThrow();
  });

  test('who reads slowly holds the server back', async () => {
    let written = 0;
    const chunk = event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x'.repeat(60_000) } });
    world.upstream.script = (_seen, response) => {
      beginEvents(response);
      const pump = (): void => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
        written += chunk.length;
        if (!response.destroyed) response.once('drain', pump);
      };
      pump();
    };
    const leaving = new AbortController();
    await ask(path, call('echo'), 'alice', leaving.signal); // and does not read
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(written).toBeLessThan(30_000_000); // socket buffers of the kernel on every leg, and a bounded queue in each gateway
    leaving.abort();
  });
});
