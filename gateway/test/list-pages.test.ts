/** Lists in pages: what a caller who may see little of them gets; through one gateway and through two, in JSON and in events. */
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { jsonHeaders, outcome } from './post.ts';
import { threeClouds } from './three-clouds.ts';
import { answerJson, type Script, type Seen } from './upstream.ts';

const world = threeClouds();
const { aws, azure } = world;

const listing = (params?: object) => ({ jsonrpc: '2.0', id: 'l', method: 'tools/list', ...(params && { params }) });
type Asked = { readonly id: unknown; readonly params?: { readonly cursor?: string } };
const tools = (...names: readonly string[]) => names.map((name) => ({ name }));
const page = (id: unknown, names: readonly string[], nextCursor?: string) => ({
  jsonrpc: '2.0',
  id,
  result: { tools: tools(...names), ...(nextCursor !== undefined && { nextCursor }) },
});

type Send = (response: ServerResponse, message: unknown) => void;
const json: Send = (response, message) => answerJson(response, message);
const events: Send = (response, message) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(
    `id: e1\ndata: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: {} })}\n\n`,
  );
  response.end(`id: e2\ndata: ${JSON.stringify(message)}\n\n`);
};
const openEvents: Send = (response, message) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`data: ${JSON.stringify(message)}\n\n`); // and the stream stays open
};

/** By cursor: the names of a page, and where the next one begins. */
type Pages = Readonly<Record<string, readonly [names: readonly string[], next?: string]>>;
const serve = (pages: Pages, ...sends: readonly Send[]): Script => {
  let asked = 0;
  return (seen, response) => {
    const { id, params } = JSON.parse(seen.body) as Asked;
    const [names, next] = pages[params?.cursor ?? ''] ?? [[]];
    const send = sends[Math.min(asked, sends.length - 1)] ?? json;
    asked += 1;
    send(response, page(id, names, next));
  };
};
const cursors = () => world.upstream.seen.map(({ body }) => (JSON.parse(body) as Asked).params?.cursor);
/** The last message of a reply in either form. */
async function last(reply: Response): Promise<unknown> {
  const text = await reply.text();
  if (reply.headers.get('content-type') === 'application/json') return JSON.parse(text);
  const messages = text.split('\n').filter((line) => line.startsWith('data: '));
  return JSON.parse(messages.at(-1)?.slice(6) ?? 'null');
}

describe.each(['/mcp/near', '/mcp/far'])('%s', (path) => {
  const handling = () => (path === '/mcp/far' ? azure() : aws());
  /** bob may call `echo`. */
  const ask = (params?: object) => world.ask(path, listing(params), { token: world.mesh.token('bob') });
  const grant = () =>
    world.mesh.apply((tables) => ({
      ...tables,
      grants: [
        ...tables.grants,
        ...tables.grants.filter(({ principal }) => principal.name === 'bob').map((row) => ({ ...row, server: 'near' })),
      ],
    }));

  test('a next page that is refused after the stream has begun ends it, and leaves no exchange with the server open', async () => {
    await grant();
    let open = 0;
    const counted = (response: ServerResponse): void => {
      open += 1;
      response.once('close', () => (open -= 1));
    };
    world.upstream.script = (seen, response) => {
      counted(response);
      const { id, params } = JSON.parse(seen.body) as Asked;
      if (!params?.cursor) return openEvents(response, page(id, ['x'], 'c'));
      response.writeHead(400, { 'content-type': 'text/event-stream' }).write(':\n\n'); // and it stays open
    };
    expect(await (await ask()).text()).toContain('upstream_invalid');
    await expect.poll(() => open).toBe(0);
  });

  test.each([
    ['JSON', [json]],
    ['events', [events]],
    ['a stream that stays open, then JSON', [openEvents, json]],
    ['JSON, then events', [json, events]],
  ])('pages with nothing in them for the caller are skipped: %s', async (_form, sends) => {
    await grant();
    const odd = 'ü "\\\u2028';
    world.upstream.script = serve({ '': [['x', 'y'], odd], [odd]: [[], 'c'], c: [['z', 'echo'], 'd'] }, ...sends);
    const reply = await ask({ _meta: { a: 1 } });
    expect(reply.status).toBe(200);
    expect(await last(reply)).toEqual(page('l', ['echo'], 'd'));
    expect(cursors()).toEqual([undefined, odd, 'c']);
    for (const { body, headers } of world.upstream.seen) {
      expect(JSON.parse(body)).toMatchObject({ ...listing(), params: { _meta: { a: 1 } } });
      expect(headers).toMatchObject({ 'accept-encoding': 'identity', accept: jsonHeaders.accept });
    }
    for (const gateway of [aws(), handling()]) {
      expect(gateway.audit.records).toMatchObject([{ method: 'tools/list', status: 'success', http_status: 200 }]);
    }
  });

  test('events that come before an empty page go on, its own does not', async () => {
    await grant();
    world.upstream.script = serve({ '': [['x'], 'c'], c: [['echo']] }, events, json);
    const text = await (await ask()).text();
    expect(text.split('\n').filter((line) => line !== '')).toEqual([
      expect.stringMatching(/^id: [\w-]{60,}$/), // sealed for the caller
      expect.stringContaining('notifications/message'),
      `data: ${JSON.stringify(page('l', ['echo']))}`,
    ]);
  });

  test('a page with something in it goes as it is, with its cursor; the caller asks for the next', async () => {
    await grant();
    world.upstream.script = serve({ '': [['echo', 'x'], 'c'], c: [['y']] });
    expect((await outcome(await ask())).body).toEqual(page('l', ['echo'], 'c'));
    expect((await outcome(await ask({ cursor: 'c' }))).body).toEqual(page('l', []));
    expect(cursors()).toEqual([undefined, 'c']);
  });

  test('a list that ends with nothing is an empty list', async () => {
    await grant();
    world.upstream.script = serve({ '': [['x'], 'c'], c: [['y']] });
    expect((await outcome(await ask())).body).toEqual(page('l', []));
  });

  test.each([
    ['for ever', (cursor: string | undefined) => String(Number(cursor ?? 0) + 1), /100 pages of a list/, 100],
    ['in a circle of one', () => 'again', /a cursor that leads to itself/, 2],
  ])('a list that goes on %s: 502', async (_how, next, says, asked) => {
    await grant();
    world.upstream.script = (seen, response) => {
      const { id, params } = JSON.parse(seen.body) as Asked;
      json(response, page(id, ['x'], next(params?.cursor)));
    };
    expect(await outcome(await ask())).toMatchObject({
      status: 502,
      body: { id: 'l', error: { message: expect.stringMatching(says), data: { code: 'upstream_invalid' } } },
    });
    expect(world.upstream.seen).toHaveLength(asked);
    expect(handling().audit.records).toMatchObject([{ status: 'failed', code: 'upstream_invalid' }]);
  });

  test('pages that are long and empty: 502 before there are a hundred', async () => {
    await grant();
    const padding = 'x'.repeat(900_000); // of 1 000 000 that may be held
    world.upstream.script = (seen, response) => {
      const { id } = JSON.parse(seen.body) as Asked;
      const next = String(world.upstream.seen.length);
      json(response, { jsonrpc: '2.0', id, result: { tools: [{ name: 'x', padding }], nextCursor: next } });
    };
    expect(await outcome(await ask())).toMatchObject({
      status: 502,
      body: { error: { message: expect.stringMatching(/more than 4000000 bytes of a list/) } },
    });
    expect(world.upstream.seen).toHaveLength(5);
  });

  test.each([
    ['JSON', json],
    ['events', events],
  ])('what the server says to a cursor that it does not know reaches the caller: %s', async (_form, send) => {
    await grant();
    const unknown = { jsonrpc: '2.0', id: 'l', error: { code: -32602, message: 'Unknown cursor' } };
    world.upstream.script = (seen, response) =>
      send(response, (JSON.parse(seen.body) as Asked).params?.cursor ? unknown : page('l', ['x'], 'c'));
    expect(await last(await ask())).toEqual(unknown);
  });

  test('a stream that cannot go on says so on the stream', async () => {
    await grant();
    world.upstream.script = (seen, response) => {
      if ((JSON.parse(seen.body) as Asked).params?.cursor) response.writeHead(400).end();
      else openEvents(response, page('l', ['x'], 'c'));
    };
    expect(await last(await ask())).toMatchObject({ id: 'l', error: { data: { code: 'upstream_invalid' } } });
  });

  test('a caller who leaves meanwhile ends the page that is being asked for', async () => {
    await grant();
    const second = Promise.withResolvers<Seen>();
    world.upstream.script = (seen, response) => {
      if ((JSON.parse(seen.body) as Asked).params?.cursor) second.resolve(seen);
      else json(response, page('l', ['x'], 'c'));
    };
    const leaving = new AbortController();
    const asked = world
      .ask(path, listing(), { token: world.mesh.token('bob'), signal: leaving.signal })
      .catch(() => 'left');
    const { closed } = await second.promise;
    leaving.abort();
    expect(await asked).toBe('left');
    await closed;
  });
});
