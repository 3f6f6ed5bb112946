/**
 * An MCP server whose HTTP is in order and whose answers are not. What the gateway holds of an answer has a bound, what no reader could read does not get
 * past it, and whatever one server does to one caller, the others do not notice.
 * What it does not do: match ids. A request has an exchange of its own, so that an answer, whatever its id, reaches the one caller who asked, and his
 * client passes over what it did not ask for.
 */
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { aliveBytes, MB } from '../../gateway/test/memory.ts';
import { TestMesh } from '../../gateway/test/mesh.ts';
import { call, outcome, post } from '../../gateway/test/post.ts';
import { answerEcho, answerJson, type Seen, Upstream } from '../../gateway/test/upstream.ts';

const ANSWER_BYTES = 4 * MB;
/** What may be on its way, in the buffers of sockets and streams, when reading stops. */
const UNREAD = 16 * MB;
/** More than may be alive of what passes. */
const PASSING = 24 * MB;
let upstream: Upstream;
let mesh: TestMesh;
beforeAll(async () => {
  upstream = await Upstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { near: { gateway: 'aws', url: upstream.url }, far: { gateway: 'azure', url: upstream.url } },
    grants: ['alice', 'bob'].flatMap((user) => ['near', 'far'].map((server) => ({ user, server }))),
    limits: { answerBytes: ANSWER_BYTES },
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.seen.length = 0;
  for (const gateway of mesh.gateways.values()) gateway.forget();
});

const result = (id: unknown, text: string) => ({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } });
const event = (message: unknown): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`;
const isBob = ({ body }: Seen): boolean => body.includes('"bob"');
/** What the server has got rid of. */
let poured = 0;
/** The same chunk again and again, as fast as it is taken. */
function pour(response: ServerResponse, chunk: Buffer, upTo = Number.POSITIVE_INFINITY): void {
  poured = 0;
  const more = (): void => {
    while (!response.destroyed && poured < upTo) {
      poured += chunk.length;
      if (!response.write(chunk)) return void response.once('drain', more);
    }
    if (!response.destroyed) response.end();
  };
  more();
}
const events = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/event-stream' });

describe.each(['near', 'far'])('%s', (server) => {
  const hop = server === 'near' ? 'aws' : 'azure';
  const url = (): string => `${mesh.gateway('aws').door}/mcp/${server}`;
  const ask = () => post(url(), call('echo'), { token: mesh.token('alice') });
  const byBob = () => post(url(), call('echo', { who: 'bob' }, 7), { token: mesh.token('bob') });

  /** The script for alice's call; bob's are answered as they should be. */
  function hostile(script: (response: ServerResponse) => void): void {
    upstream.script = (seen, response) => (isBob(seen) ? answerEcho(seen, response) : script(response));
  }
  async function expectBobUnharmed(): Promise<void> {
    expect(await outcome(await byBob())).toEqual({ status: 200, body: result(7, 'pong') });
  }

  test.each<[string, unknown]>([
    ['another id', result(2, 'x')],
    ['an id of another kind', result('1', 'x')],
    ['the id of another caller under way', result(7, 'x')],
    ['no id', { jsonrpc: '2.0', result: {} }],
    ['an id that is null', result(null, 'x')],
  ])('an answer with %s reaches the one who asked, and nobody else', async (_what, answer) => {
    const held: (() => void)[] = [];
    upstream.script = (seen, response) =>
      isBob(seen) ? void held.push(() => answerEcho(seen, response)) : answerJson(response, answer);
    const bob = byBob();
    expect(await outcome(await ask())).toEqual({ status: 200, body: answer });
    held[0]?.();
    if (held.length === 0)
      await expect
        .poll(() => held.length)
        .toBe(1)
        .then(() => held[0]?.());
    expect(await outcome(await bob)).toEqual({ status: 200, body: result(7, 'pong') });
  });

  test('on a stream only the answer to the request makes the call answered', async () => {
    hostile((response) =>
      events(response).end(event(result(2, 'wrong')) + event(result(1, 'right')) + event(result(1, 'again'))),
    );
    const text = await (await ask()).text();
    expect([...text.matchAll(/"text":"(\w+)"/g)].map((match) => match[1])).toEqual(['wrong', 'right', 'again']);
    expect(mesh.gateway(hop).audit.records).toMatchObject([{ status: 'success' }]);
    await expectBobUnharmed();
  });

  test('a request of the server on a modern stream passes, and its answer is refused', async () => {
    const asked = { jsonrpc: '2.0', id: 'q1', method: 'sampling/createMessage', params: {} };
    hostile((response) => events(response).end(event(asked) + event(result(1, 'done'))));
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
    const body = { ...call('echo'), params: { name: 'echo', _meta: meta } };
    expect(await (await post(url(), body, { token: mesh.token('alice'), headers })).text()).toContain('done');
    const seen = upstream.seen.length;
    const answer = { jsonrpc: '2.0', id: 'q1', result: {} };
    const reply = await post(url(), answer, {
      token: mesh.token('alice'),
      headers: { 'mcp-protocol-version': '2026-07-28' },
    });
    expect(await outcome(reply)).toMatchObject({ status: 400, body: { error: { code: -32600 } } });
    expect(upstream.seen).toHaveLength(seen);
  });

  const invalid = Buffer.from([0xff, 0xfe, 0x80]);
  test.each<[string, Buffer | string]>([
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":1,"result":"'), invalid, Buffer.from('"}')]),
    ],
    ['no JSON that could be a list', '{"result":{"tools":['],
    ['two messages', `${JSON.stringify(result(1, 'a'))}${JSON.stringify({ result: { tools: [] } })}`],
    ['a batch', JSON.stringify([result(1, 'a'), result(1, 'b')])],
    ['a text', '"tools"'],
    ['arrays 100,000 deep in a list', `{"result":{"tools":[${'['.repeat(100_000)}]}}`],
    ['a result that stands twice', '{"result":{},"result":{"tools":[{"name":"secret"}]}}'],
    ['a byte order mark', `\ufeff${JSON.stringify(result(1, 'a'))}`],
    ['UTF-16', Buffer.from(JSON.stringify(result(1, 'a')), 'utf16le')],
  ])('%s as a JSON answer, and as an event: refused, recorded, nothing of it told', async (_what, text) => {
    hostile((response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(text));
    expect(await outcome(await ask())).toMatchObject({
      status: 502,
      body: { id: 1, error: { data: { code: 'upstream_invalid', hop } } },
    });
    hostile((response) => {
      events(response).write('data: ');
      response.write(text);
      response.end('\n\n');
    });
    const streamed = await (await ask()).text();
    expect(streamed).not.toContain('secret');
    expect(streamed).toContain('upstream_invalid');
    expect(mesh.gateway(hop).audit.records.map(({ code }) => code)).toEqual(['upstream_invalid', 'upstream_invalid']);
    await expectBobUnharmed();
  });

  test('a line of a gigabyte on a stream: the stream ends at its bound, and so does what is held', async () => {
    hostile((response) => {
      events(response).write('data: "');
      pour(response, Buffer.alloc(65_536, 'x'), 1024 * MB);
    });
    const reply = await ask();
    expect(await reply.text()).toContain('upstream_invalid');
    await upstream.seen[0]?.closed;
    expect(poured).toBeLessThan(ANSWER_BYTES + UNREAD);
    expect(mesh.gateway(hop).audit.records).toMatchObject([{ code: 'upstream_invalid', status: 'failed' }]);
    await expectBobUnharmed();
  });

  test('a list of a gigabyte without a line end: refused at its bound', async () => {
    hostile((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"result":{"tools":["');
      pour(response, Buffer.alloc(65_536, 'x'), 1024 * MB);
    });
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    expect(await outcome(await post(url(), list, { token: mesh.token('alice') }))).toMatchObject({
      status: 502,
      body: { error: { data: { code: 'upstream_invalid', hop } } },
    });
    await upstream.seen[0]?.closed;
    expect(poured).toBeLessThan(ANSWER_BYTES + UNREAD);
    expect(mesh.gateway(hop).audit.records).toMatchObject([{ code: 'upstream_invalid', status: 'failed' }]);
    await expectBobUnharmed();
  });

  test('a text of 60 MB that is no list passes, and is not held', async () => {
    hostile((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"jsonrpc":"2.0","id":1,"result":{"x":"');
      pour(response, Buffer.alloc(65_536, 'x'), 60 * MB);
    });
    const before = await aliveBytes();
    const reply = await ask();
    let [most, read, next] = [0, 0, 0];
    for await (const chunk of reply.body ?? []) {
      read += chunk.length;
      if (read < next) continue;
      next += 5 * MB;
      most = Math.max(most, (await aliveBytes()) - before);
    }
    expect(read).toBeGreaterThanOrEqual(60 * MB);
    expect(most).toBeLessThan(20 * MB);
    await expectBobUnharmed();
  });

  test.each([
    ['events', event({ jsonrpc: '2.0', method: 'notifications/message', params: {} })],
    ['comments', ': still here\n'],
    ['blank lines', '\n'],
  ])('%s without end hold nothing, and go on as long as they are read', async (_what, chunk) => {
    hostile((response) => pour(events(response), Buffer.from(chunk.repeat(8_192 / chunk.length))));
    const left = new AbortController();
    const reply = await post(url(), call('echo'), { token: mesh.token('alice'), signal: left.signal });
    const before = await aliveBytes();
    let read = 0;
    for await (const part of reply.body ?? []) {
      read += part.length;
      if (read < PASSING) continue;
      expect((await aliveBytes()) - before).toBeLessThan(UNREAD); // while the stream stands
      break;
    }
    expect(read).toBeGreaterThanOrEqual(PASSING);
    left.abort();
    await upstream.seen.at(-1)?.closed;
    await expectBobUnharmed();
  });
});
