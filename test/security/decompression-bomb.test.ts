/**
 * A few kilobytes that become gigabytes for whoever unpacks them. The gateway unpacks nothing: an encoded request is 415 and an encoded answer 502, both
 * told by their heads alone, in whatever coding, order or case.
 */
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MB, residentBytes } from '../../gateway/test/memory.ts';
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
    grants: ['near', 'far'].map((server) => ({ user: 'alice', server })),
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});
beforeEach(() => upstream.forget());

const zeros = Buffer.alloc(100 * MB, 0x20);
const bombs: readonly (readonly [string, () => Buffer])[] = [
  ['gzip', () => gzipSync(zeros)],
  ['br', () => brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })],
  ['zstd', () => zstdCompressSync(zeros)],
  ['deflate', () => deflateSync(zeros)],
  ['gzip, gzip', () => gzipSync(gzipSync(zeros))],
  ['identity, GZIP', () => gzipSync(zeros)],
  ['x-gzip', () => gzipSync(zeros)],
  ['aes128gcm', () => Buffer.alloc(1_000)],
];
/** What holding a bomb unpacked would take is a hundred times as much. */
const GROWTH = 40 * MB;

describe.each(['near', 'far'])('%s', (server) => {
  const url = (): string => `${mesh.gateway('aws').door}/mcp/${server}`;

  test.each(bombs)('%s in an answer: refused unread', async (coding, pack) => {
    const bomb = pack();
    for (const type of ['application/json', 'text/event-stream']) {
      upstream.script = (socket) => {
        socket.write(
          rawAnswer([`content-type: ${type}`, `Content-Encoding: ${coding}`, `content-length: ${bomb.length}`], ''),
        );
        socket.write(bomb);
      };
      const before = residentBytes();
      const reply = await post(url(), call('echo'), { token: mesh.token('alice') });
      expect(await outcome(reply)).toMatchObject({
        status: 502,
        body: { error: { data: { code: 'upstream_invalid' } } },
      });
      expect(residentBytes() - before).toBeLessThan(GROWTH);
    }
    upstream.script = answerRaw;
    expect((await post(url(), call('echo'), { token: mesh.token('alice') })).status).toBe(200);
  });

  test.each(bombs)('%s in a request: 415, and nothing of it goes on', async (coding, pack) => {
    const before = residentBytes();
    const reply = await fetch(url(), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-encoding': coding,
        authorization: `Bearer ${mesh.token('alice')}`,
      },
      body: pack().subarray(0, 64_000),
    });
    expect(await outcome(reply)).toMatchObject({ status: 415, body: { error: { data: { code: 'media_type' } } } });
    expect(residentBytes() - before).toBeLessThan(zeros.length + GROWTH); // the packing itself holds them once
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
