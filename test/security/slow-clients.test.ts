/**
 * Clients that take their time on purpose (slowloris, slow read, slow handshakes), by a sender of our own. What they hold is little, and not for ever;
 * others are served meanwhile. Slow bodies, each a share of its caller's own: gateway/test/fair-share.test.ts.
 */
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { aliveBytes, MB } from '../../gateway/test/memory.ts';
import { call } from '../../gateway/test/post.ts';
import { plain, request } from '../../gateway/test/raw-http.ts';
import { threeClouds } from '../../gateway/test/three-clouds.ts';

const world = threeClouds();
const { aws, ask } = world;
const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));
const quiet = (socket: Socket): Socket => socket.on('error', () => undefined);

test('a hundred who never end their headers are hung up on, and others are served meanwhile', async () => {
  const slow = Array.from({ length: 100 }, () => quiet(plain(aws().loopback.port)));
  const drips = slow.map((socket) => {
    socket.on('data', () => undefined);
    socket.write('POST /mcp/near HTTP/1.1\r\nhost: localhost\r\n');
    const drip = setInterval(() => socket.write('x-a: b\r\n'), 500);
    socket.once('close', () => clearInterval(drip));
    return closed(socket);
  });
  const silent = Array.from({ length: 20 }, () => quiet(plain(aws().tls.port)));
  const handshakes = silent.map((socket) => closed(socket.resume()));
  for (let i = 0; i < 10; i += 1) expect((await ask('/mcp/near', call('echo'))).status).toBe(200);
  await Promise.all([...drips, ...handshakes]);
  // at most one note each
  expect(aws().audit.notes.length).toBeLessThanOrEqual(slow.length + silent.length);
  expect(aws().server.flights.size).toBe(0);
  expect((await ask('/mcp/near', call('echo'))).status).toBe(200);
}, 60_000); // the listeners give headers 15 s, handshakes 5 s

/** A count that has begun, once it has stood still for a second. */
async function stopped(count: () => number): Promise<number> {
  let [last, still] = [0, 0];
  const look = (): number => {
    still = count() > 0 && count() === last ? still + 1 : 0;
    last = count();
    return still;
  };
  await expect.poll(look, { interval: 50, timeout: 30_000 }).toBeGreaterThan(20);
  return last;
}

test.each(['/mcp/near', '/mcp/far'])(
  '%s: who reads an answer of 100 MB byte by byte costs 20 MB at most, and the server is not read meanwhile',
  async (path) => {
    const chunk = Buffer.alloc(65_536, 'x');
    let written = 0;
    world.upstream.script = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"jsonrpc":"2.0","id":1,"result":{"x":"');
      const more = (): void => {
        while (!response.destroyed && written < 100 * MB) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
      };
      more();
    };
    const head = [
      `POST ${path} HTTP/1.1`,
      'host: localhost',
      `authorization: Bearer ${world.mesh.token('alice')}`,
      'content-type: application/json',
    ];
    const before = await aliveBytes();
    const reader = quiet(plain(aws().loopback.port));
    reader.pause();
    reader.write(request(head, JSON.stringify(call('echo'))));
    await stopped(() => written);
    for (let i = 0; i < 50; i += 1) reader.read(1);
    expect(await stopped(() => written)).toBeLessThan(20 * MB);
    expect((await aliveBytes()) - before).toBeLessThan(20 * MB);
    reader.destroy();
    await expect.poll(() => aws().server.flights.size, { timeout: 10_000 }).toBe(0);
  },
);
