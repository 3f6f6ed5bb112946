/**
 * Bytes that a proxy before us, we, or the server could read as other requests than each other (RFC 9112 §11.2). Whatever comes in, the server gets
 * requests that we have framed ourselves: it sees as many as callers got answers for, and nothing that was hidden in another.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TestMesh } from '../../gateway/test/mesh.ts';
import { plain } from '../../gateway/test/raw-http.ts';
import { RawUpstream } from '../../gateway/test/raw-upstream.ts';

let upstream: RawUpstream;
let mesh: TestMesh;
beforeAll(async () => {
  upstream = await RawUpstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { near: { gateway: 'aws', url: upstream.url }, far: { gateway: 'azure', url: upstream.url } },
    grants: ['near', 'far'].map((server) => ({ user: 'alice', server })),
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.forget();
  mesh.gateway('aws').forget();
});

const message = (tool: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool } });
const BODY = message('seen');
const CHUNKED = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
/** What an attacker hides in the body of another request: a whole one, with a good token, so that it would be served. */
const hidden = (connection = 'keep-alive'): string =>
  head(['Host: localhost', `Connection: ${connection}`, `Content-Length: ${message('hidden').length}`]) +
  message('hidden');
const SPLICE = '<hidden>';

function head(lines: readonly string[], start = 'POST /mcp/near HTTP/1.1'): string {
  const always = [`Authorization: Bearer ${mesh.token('alice')}`, 'Content-Type: application/json'];
  return `${[start, ...always, ...lines].join('\r\n')}\r\n\r\n`;
}

/** For bodies that may wait for bytes that never come: how long until their client gives up. */
const PATIENCE_MS = 200;

/** Statuses of all that is answered until the connection ends, or until its client gives up. */
async function statusesOf(bytes: string, patience: 'waits' | 'gives up' = 'waits'): Promise<readonly number[]> {
  const socket = plain(mesh.gateway('aws').loopback.port);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  if (patience === 'gives up') socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.write(Buffer.from(bytes, 'latin1'));
  await new Promise((resolve) => socket.once('close', resolve));
  return [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]));
}

const length = `Content-Length: ${BODY.length}`;
const chunked = 'Transfer-Encoding: chunked';
const two = BODY.length.toString(16);
// table: what, header lines beside Host, body, start line
const refused: readonly [what: string, lines: readonly string[], body: string, start?: string][] = [
  ['Content-Length and Transfer-Encoding', [length, chunked], `0\r\n\r\n${SPLICE}`],
  ['Transfer-Encoding and Content-Length', [chunked, length], `0\r\n\r\n${SPLICE}`],
  ['two Content-Lengths', ['Content-Length: 0', length], SPLICE],
  ['the same Content-Length twice', [length, length], BODY + SPLICE],
  ['a Content-Length with a sign', [`Content-Length: +${BODY.length}`], BODY + SPLICE],
  ['a negative Content-Length', ['Content-Length: -1'], BODY + SPLICE],
  ['a list as Content-Length', [`Content-Length: ${BODY.length},${BODY.length}`], BODY + SPLICE],
  ['a hexadecimal Content-Length', [`Content-Length: 0x${two}`], BODY + SPLICE],
  ['a Content-Length beyond 64 bits', ['Content-Length: 18446744073709551617'], BODY + SPLICE],
  ['an empty Content-Length', ['Content-Length:'], BODY + SPLICE],
  ['Transfer-Encoding: xchunked', ['Transfer-Encoding: xchunked'], CHUNKED + SPLICE],
  ['Transfer-Encoding: chunked, identity', ['Transfer-Encoding: chunked, identity'], CHUNKED + SPLICE],
  ['Transfer-Encoding: identity', ['Transfer-Encoding: identity', length], BODY + SPLICE],
  ['Transfer-Encoding after a vertical tab', ['Transfer-Encoding: \x0bchunked'], CHUNKED + SPLICE],
  ['Transfer-Encoding in quotes', ['Transfer-Encoding: "chunked"'], CHUNKED + SPLICE],
  ['a blank before the colon', ['Transfer-Encoding : chunked', length], CHUNKED + SPLICE],
  ['a tab before the colon', [`Content-Length\t: ${BODY.length}`], BODY + SPLICE],
  ['a folded header', ['X-One: a\r\n b', length], BODY + SPLICE],
  ['a folded Transfer-Encoding', ['Transfer-Encoding:\r\n chunked'], CHUNKED + SPLICE],
  ['a first header line that is folded', [' Host: evil', length], BODY + SPLICE],
  ['a bare LF at the end of a header', [`X-One: a\n${chunked}`, length], CHUNKED + SPLICE],
  ['a bare CR in a header', [`X-One: a\r${chunked}`, length], CHUNKED + SPLICE],
  ['NUL in a header value', ['X-One: a\0b', length], BODY + SPLICE],
  ['NUL in a header name', ['X\0One: a', length], BODY + SPLICE],
  ['a header without a name', [': a', length], BODY + SPLICE],
  ['a header without a colon', ['X-One', length], BODY + SPLICE],
  ['LF in a chunk extension', [chunked], `${two};a\n${BODY}\r\n0\r\n\r\n${SPLICE}`],
  ['a bare CR in a chunk extension', [chunked], `${two};a\rb\r\n${BODY}\r\n0\r\n\r\n${SPLICE}`],
  ['a chunk size with 0x', [chunked], `0x${two}\r\n${BODY}\r\n0\r\n\r\n${SPLICE}`],
  ['a chunk size with a sign', [chunked], `+${two}\r\n${BODY}\r\n0\r\n\r\n${SPLICE}`],
  ['a negative chunk size', [chunked], `-1\r\n${BODY}\r\n0\r\n\r\n${SPLICE}`],
  ['a list as chunk size', [chunked], `${two},${two}\r\n${BODY}\r\n0\r\n\r\n${SPLICE}`],
  ['a blank after the chunk size', [chunked], `${two} \r\n${BODY}\r\n0\r\n\r\n${SPLICE}`],
  ['a chunk size beyond 64 bits', [chunked], `1${'0'.repeat(15)}${two}\r\n${BODY}\r\n0\r\n\r\n${SPLICE}`],
  ['an empty chunk size', [chunked], `\r\n${BODY}\r\n0\r\n\r\n${SPLICE}`],
  ['no line end after a chunk', [chunked], `${two}\r\n${BODY}0\r\n\r\n${SPLICE}`],
  ['a chunk longer than its size', [chunked], `1\r\n${BODY}\r\n0\r\n\r\n${SPLICE}`],
  ['Content-Length in a trailer', [chunked], `${two}\r\n${BODY}\r\n0\r\nContent-Length: 9\r\n\r\n${SPLICE}`],
  ['Transfer-Encoding in a trailer', [chunked], `${two}\r\n${BODY}\r\n0\r\n${chunked}\r\n\r\n${SPLICE}`],
  ['LF alone as line ends of chunks', [chunked], `${two}\n${BODY}\n0\n\n${SPLICE}`],
  // these three node's parser lets pass
  ['two Hosts', ['Host: evil.example', length], BODY + SPLICE],
  ['a target for another host', [length], BODY + SPLICE, 'POST http://evil.example/mcp/near HTTP/1.1'],
  ['HTTP/1.0 with Transfer-Encoding', [chunked], CHUNKED + SPLICE, 'POST /mcp/near HTTP/1.0'],
  ...['Host', 'Authorization', 'Content-Length', 'Content-Type', 'Mcp-Name', 'MCP-Session-Id', 'traceparent'].map(
    (name) =>
      [`Connection that takes ${name} away`, [length, `Connection: keep-alive, ${name}`], BODY + SPLICE] satisfies [
        string,
        string[],
        string,
      ],
  ),
  ['two lines of Connection', [length, 'Connection: keep-alive', 'connection: X-One, ORIGIN'], BODY + SPLICE],
  ['HTTP/2 without an upgrade', [length], BODY + SPLICE, 'PRI * HTTP/2.0'],
  ['HTTP/1.2', [length], BODY + SPLICE, 'POST /mcp/near HTTP/1.2'],
  ['a tab in the start line', [length], BODY + SPLICE, 'POST\t/mcp/near HTTP/1.1'],
  ['a line end in the target', [length], BODY + SPLICE, 'POST /mcp/near\rX HTTP/1.1'],
];

test.each(refused)(
  '%s: one refusal, the connection ends, nothing reaches the server',
  async (_what, lines, body, start) => {
    const bytes = head(['Host: localhost', ...lines], start) + body.replace(SPLICE, hidden());
    const statuses = await statusesOf(bytes);
    expect(statuses).toHaveLength(1);
    expect([400, 431, 505]).toContain(statuses[0]);
    expect(upstream.bytes).toBe('');
    const { audit } = mesh.gateway('aws');
    expect([...audit.notes, ...audit.records]).toMatchObject([{ code: 'http_malformed', status: 'refused' }]);
  },
);

test('HTTP/0.9, which has neither headers nor a Host, is served nothing', async () => {
  expect(await statusesOf('GET /mcp/near\r\n\r\n')).toEqual([421]);
  expect(upstream.bytes).toBe('');
});

const last = ['Host: localhost', 'Connection: close'];

test.each(['near', 'far'])('%s: what is hidden in a body stays body, and trailers stay here', async (server) => {
  const trap = `0\r\n\r\n${hidden()}`;
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'seen', arguments: { trap } },
  });
  const chunks = `${body.length.toString(16)};ext="a b"\r\n${body}\r\n0\r\nAuthorization: Bearer x\r\nportolan-hop: x\r\n\r\n`;
  const statuses = await statusesOf(head([...last, chunked], `POST /mcp/${server} HTTP/1.1`) + chunks);
  expect(statuses).toEqual([200]);
  expect(upstream.requests.map((request) => request.body)).toEqual([body]);
  const [seen] = upstream.requests;
  expect(seen?.head).not.toMatch(/transfer-encoding|trailer|Bearer x|portolan/i);
  expect(seen?.head.match(/content-length/gi)).toHaveLength(1);
});

interface Chunk {
  readonly length: number;
  readonly zeros: number;
  readonly upper: boolean;
  readonly extension: readonly (readonly [string, string | undefined])[];
}
// the grammar of RFC 9112 §7.1, and single steps beside it
const token = fc.string({ unit: fc.constantFrom(...'aZ9!#$&'), minLength: 1, maxLength: 6 });
const value = fc.option(
  fc.oneof(
    token,
    token.map((text) => `"${text}"`),
  ),
  { nil: undefined },
);
const chunking = fc.array(
  fc.record({
    length: fc.integer({ min: 1, max: 40 }),
    zeros: fc.nat(3),
    upper: fc.boolean(),
    extension: fc.array(fc.tuple(token, value), { maxLength: 2 }),
  }),
  { minLength: 1, maxLength: 8 },
);
const trailers = fc.array(fc.tuple(token, token), { maxLength: 2 });
const step = fc.record({
  at: fc.nat(10_000),
  cut: fc.nat(2),
  put: fc.constantFrom('', '\r', '\n', '0', '\0', ' ', ';', '\t', 'x', '\r\n0\r\n\r\n'),
});

function chunkedBody(plan: readonly Chunk[], ends: readonly (readonly [string, string])[]): string {
  let at = 0;
  let text = '';
  for (let i = 0; at < BODY.length; i += 1) {
    const { length: bytes, zeros, upper, extension } = plan[i % plan.length] as Chunk;
    const data = BODY.slice(at, at + bytes);
    at += data.length;
    const hex = data.length.toString(16);
    const marks = extension.map(([name, mark]) => `;${name}${mark === undefined ? '' : `=${mark}`}`).join('');
    text += `${'0'.repeat(zeros)}${upper ? hex.toUpperCase() : hex}${marks}\r\n${data}\r\n`;
  }
  return `${text}0\r\n${ends.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n`;
}

test('whatever the chunks, a right body comes whole, and the request behind it is one of its own', async () => {
  await fc.assert(
    fc.asyncProperty(chunking, trailers, async (plan, ends) => {
      upstream.forget();
      const statuses = await statusesOf(head(['Host: localhost', chunked]) + chunkedBody(plan, ends) + hidden('close'));
      expect(statuses).toEqual([200, 200]);
      expect(upstream.requests.map(({ body }) => body)).toEqual([BODY, message('hidden')]);
    }),
    { numRuns: 150 },
  );
});

test('one step beside the grammar: the server sees as many requests as were answered, and only what was sent', async () => {
  await fc.assert(
    fc.asyncProperty(chunking, trailers, step, async (plan, ends, { at, cut, put }) => {
      upstream.forget();
      const right = chunkedBody(plan, ends);
      const from = at % right.length;
      const wrong = right.slice(0, from) + put + right.slice(from + cut);
      const statuses = await statusesOf(head(['Host: localhost', chunked]) + wrong + hidden('close'), 'gives up');
      expect(statuses.filter((status) => status >= 500)).toEqual([]);
      const sent = upstream.requests.map(({ body }) => JSON.parse(body).params.name);
      // one at a time is begun, so all but the last are answered; of the last the client may have given up
      const answered = statuses.filter((status) => status === 200).length;
      expect(sent.length - answered).toBeLessThanOrEqual(1);
      expect(sent.length).toBeLessThanOrEqual(2);
    }),
    { numRuns: 300 },
  );
});
