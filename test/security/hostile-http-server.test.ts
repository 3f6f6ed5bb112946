/**
 * An MCP server that answers with what is no HTTP, or more of it than anyone needs (response splitting, header floods, false lengths). The caller gets
 * one whole answer or one clear refusal, never a header that the server made up; the next caller gets his own answer.
 */
import type { Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestMesh } from '../../gateway/test/mesh.ts';
import { call, outcome, post } from '../../gateway/test/post.ts';
import { answerRaw, RawUpstream, rawAnswer } from '../../gateway/test/raw-upstream.ts';

let upstream: RawUpstream;
let mesh: TestMesh;
beforeAll(async () => {
  upstream = await RawUpstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { near: { gateway: 'aws', url: upstream.url }, far: { gateway: 'azure', url: upstream.url } },
    grants: ['alice', 'bob'].flatMap((user) => ['near', 'far'].map((server) => ({ user, server }))),
    limits: { answerBytes: 1_000_000 },
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.forget();
  for (const gateway of mesh.gateways.values()) gateway.forget();
});

const ask = (server: string, user = 'alice') =>
  post(`${mesh.gateway('aws').door}/mcp/${server}`, call('echo'), { token: mesh.token(user) });
const PONG = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: 'pong' }] } });
const JSON_TYPE = 'content-type: application/json';
const LENGTH = `content-length: ${PONG.length}`;
const write = (bytes: string) => (socket: Socket) => void socket.write(Buffer.from(bytes, 'latin1'));
const lines = (count: number, line: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => line(i));

/** Whatever the server has done, the next caller gets his own answer. */
async function expectUnharmed(server: string): Promise<void> {
  upstream.script = answerRaw;
  expect(await outcome(await ask(server, 'bob'))).toEqual({ status: 200, body: JSON.parse(PONG) });
}

describe.each(['near', 'far'])('%s', (server) => {
  const refusing = server === 'near' ? 'aws' : 'azure';

  test.each<[string, string]>([
    ['no HTTP', 'hello\r\n\r\n'],
    ['a status that is no number', `HTTP/1.1 OK\r\n\r\n${PONG}`],
    ['a folded header', rawAnswer([JSON_TYPE, 'mcp-x: a\r\n b', LENGTH], PONG)],
    ['a bare CR in a header', rawAnswer([JSON_TYPE, 'mcp-x: a\rset-cookie: b', LENGTH], PONG)],
    ['NUL in a header', rawAnswer([JSON_TYPE, 'mcp-x: a\0b', LENGTH], PONG)],
    ['a header without a name', rawAnswer([JSON_TYPE, ': a', LENGTH], PONG)],
    ['a blank before the colon', rawAnswer([JSON_TYPE, 'mcp-x : a', LENGTH], PONG)],
    ['two lengths', rawAnswer([JSON_TYPE, LENGTH, 'content-length: 1'], PONG)],
    ['a length and chunks', rawAnswer([JSON_TYPE, LENGTH, 'transfer-encoding: chunked'], PONG)],
    ['a length with a sign', rawAnswer([JSON_TYPE, `content-length: +${PONG.length}`], PONG)],
    ['chunks that are none', rawAnswer([JSON_TYPE, 'transfer-encoding: chunked'], `zz\r\n${PONG}`)],
    ['a chunk longer than its size', rawAnswer([JSON_TYPE, 'transfer-encoding: chunked'], `1\r\n${PONG}\r\n0\r\n\r\n`)],
    ['headers of 40 KB', rawAnswer([JSON_TYPE, ...lines(100, (i) => `mcp-${i}: ${'y'.repeat(400)}`), LENGTH], PONG)],
    ['a header that never ends', `HTTP/1.1 200 OK\r\nmcp-x: ${'y'.repeat(100_000)}`],
    ['a thousand headers', rawAnswer([JSON_TYPE, ...lines(1_000, (i) => `mcp-x-${i}: 1`), LENGTH], PONG)],
    ['100 Continue without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000)],
    ['early hints without end', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(10_000)],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
  ])('%s: 502 that names the server, and the connection is gone', async (_what, bytes) => {
    upstream.script = write(bytes);
    const reply = await ask(server);
    expect([...reply.headers.keys()].filter((name) => /cookie|mcp-|link/.test(name))).toEqual([]);
    expect(await outcome(reply)).toMatchObject({
      status: 502,
      body: { id: 1, error: { code: 50214, data: { code: 'upstream_invalid', hop: refusing } } },
    });
    for (const name of new Set(['aws', refusing])) {
      expect(mesh.gateway(name).audit.records).toMatchObject([{ code: 'upstream_invalid', status: 'failed' }]);
    }
    await expectUnharmed(server);
  });

  test('early hints, and a few of them, are passed over', async () => {
    upstream.script = (socket, request) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(3));
      answerRaw(socket, request);
    };
    const reply = await ask(server);
    expect(reply.headers.has('link')).toBe(false);
    expect((await outcome(reply)).status).toBe(200);
  });

  test('a hundred headers, and a long one, pass where they may', async () => {
    const many = [...lines(100, (i) => `mcp-x-${i}: ${i}`), `mcp-long: ${'y'.repeat(4_000)}`];
    upstream.script = write(rawAnswer([JSON_TYPE, ...many, LENGTH], PONG));
    const reply = await ask(server);
    expect(reply.headers.get('mcp-x-99')).toBe('99');
    expect((await outcome(reply)).status).toBe(200);
  });

  test('a line end in the middle of a value begins no header of ours', async () => {
    upstream.script = write(rawAnswer([JSON_TYPE, 'mcp-x: a\r\nset-cookie: b\r\nx-request-id: forged', LENGTH], PONG));
    const reply = await ask(server);
    expect(reply.headers.has('set-cookie')).toBe(false);
    expect(reply.headers.get('x-request-id')).toBe(mesh.gateway('aws').audit.records[0]?.request_id);
    await reply.text();
  });

  test('two answers to one request: the first counts, the second reaches nobody', async () => {
    const forged = PONG.replace('pong', 'evil');
    upstream.script = write(
      rawAnswer([JSON_TYPE, LENGTH], PONG) + rawAnswer([JSON_TYPE, `content-length: ${forged.length}`], forged),
    );
    expect(await (await ask(server)).text()).toBe(PONG);
    await expectUnharmed(server);
  });

  test('an answer that nobody asked for, on an idle connection, reaches nobody', async () => {
    const idle: Socket[] = [];
    upstream.script = (socket, request) => {
      idle.push(socket);
      answerRaw(socket, request);
    };
    await (await ask(server)).text();
    const closed = new Promise((resolve) => idle[0]?.once('close', resolve));
    idle[0]?.write(rawAnswer([JSON_TYPE, LENGTH], PONG.replace('pong', 'evil')));
    await closed;
    await expectUnharmed(server);
  });

  test('a body longer than its length ends where it said; a shorter one breaks off', async () => {
    upstream.script = write(rawAnswer([JSON_TYPE, LENGTH], `${PONG}<script>`));
    expect(await (await ask(server)).text()).toBe(PONG);
    upstream.script = (socket) => void socket.end(rawAnswer([JSON_TYPE, `content-length: ${PONG.length + 5}`], PONG));
    expect(await outcome(await ask(server))).toMatchObject({
      status: 502,
      body: { error: { data: { code: 'upstream_failed', hop: refusing } } },
    });
    await expectUnharmed(server);
  });

  test.each([
    'http://169.254.169.254/latest/meta-data/',
    '//169.254.169.254/',
    'http://[fd00:ec2::254]/',
    'http://metadata.google.internal/',
    'file:///etc/passwd',
    '\\\\169.254.169.254\\',
    'http://127.0.0.1:1/',
  ])('a redirect to %s is not followed, and not told', async (location) => {
    upstream.script = write(rawAnswer([`location: ${location}`, 'content-length: 0'], '', '307 Temporary Redirect'));
    const reply = await ask(server);
    expect(reply.headers.has('location')).toBe(false);
    expect(await outcome(reply)).toMatchObject({
      status: 502,
      body: { error: { data: { code: 'upstream_invalid' } } },
    });
    expect(mesh.gateway(refusing).audit.records).toMatchObject([{ code: 'upstream_invalid', status: 'failed' }]);
    expect(upstream.requests).toHaveLength(1);
    await expectUnharmed(server);
  });
});
