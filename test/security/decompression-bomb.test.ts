/**
 * A few kilobytes that become gigabytes for whoever unpacks them. The gateway unpacks nothing: an encoded request is 415 and an encoded answer 502, both
 * told by their heads alone, in whatever coding, order or case: the refusal comes though nothing of the body has.
 */
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MB } from '../../gateway/test/memory.ts';
import { TestMesh } from '../../gateway/test/mesh.ts';
import { call, outcome, post } from '../../gateway/test/post.ts';
import { exchange, plain } from '../../gateway/test/raw-http.ts';
import { answerRaw, RawUpstream, rawAnswer } from '../../gateway/test/raw-upstream.ts';

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
beforeEach(() => upstream.forget());

const zeros = Buffer.alloc(100 * MB, 0x20);
const gzipped = gzipSync(zeros);
const bombs: readonly (readonly [string, Buffer])[] = [
  ['gzip', gzipped],
  ['br', brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })],
  ['zstd', zstdCompressSync(zeros)],
  ['deflate', deflateSync(zeros)],
  ['gzip, gzip', gzipSync(gzipped)],
  ['identity, GZIP', gzipped],
  ['x-gzip', gzipped],
  ['aes128gcm', Buffer.alloc(1_000)],
];

describe.each(['near', 'far'])('%s', (server) => {
  const url = (): string => `${mesh.gateway('aws').door}/mcp/${server}`;

  test.each(bombs)('%s in an answer: refused unread', async (coding, bomb) => {
    for (const type of ['application/json', 'text/event-stream']) {
      const head = rawAnswer(
        [`content-type: ${type}`, `Content-Encoding: ${coding}`, `content-length: ${bomb.length}`],
        '',
      );
      for (const sent of [Buffer.alloc(0), bomb]) {
        upstream.script = (socket) => void socket.write(Buffer.concat([Buffer.from(head), sent]));
        const reply = await post(url(), call('echo'), { token: mesh.token('alice') });
        expect(await outcome(reply)).toMatchObject({
          status: 502,
          body: { error: { data: { code: 'upstream_invalid' } } },
        });
      }
    }
    upstream.script = answerRaw;
    expect((await post(url(), call('echo'), { token: mesh.token('alice') })).status).toBe(200);
  });

  test.each(bombs)('%s in a request: 415, unread, and nothing of it goes on', async (coding, bomb) => {
    const refused = { error: { data: { code: 'media_type' } } };
    const headers = { 'content-type': 'application/json', 'content-encoding': coding };
    const authorization = `Bearer ${mesh.token('alice')}`;
    const lines = Object.entries({ host: 'localhost', ...headers, authorization, 'content-length': bomb.length });
    const head = [`POST /mcp/${server} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)];
    const unsent = await exchange(plain(mesh.gateway('aws').loopback.port), `${head.join('\r\n')}\r\n\r\n`);
    expect({ status: unsent.status, body: unsent.json() }).toMatchObject({ status: 415, body: refused });
    const whole = await fetch(url(), {
      method: 'POST',
      headers: { ...headers, authorization },
      body: new Uint8Array(bomb),
    });
    expect(await outcome(whole)).toMatchObject({ status: 415, body: refused });
    expect(upstream.bytes).toBe('');
  });

  test.each(['gzip, chunked', 'gzip', 'x-gzip, chunked', 'deflate, chunked'])(
    'an answer whose transfer is coded (%s): refused',
    async (coding) => {
      const packed = gzipSync('{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"secret"}]}}').toString('latin1');
      const body = `${packed.length.toString(16)}\r\n${packed}\r\n0\r\n\r\n`;
      upstream.script = (socket) =>
        void socket.end(
          Buffer.from(rawAnswer(['content-type: application/json', `transfer-encoding: ${coding}`], body), 'latin1'),
        );
      const reply = await post(url(), call('echo'), { token: mesh.token('alice') });
      expect(await outcome(reply)).toMatchObject({
        status: 502,
        body: { error: { data: { code: 'upstream_invalid' } } },
      });
    },
  );
});
