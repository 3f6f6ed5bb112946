/** A connection that waits for its next request holds nothing of the last one: many of them must not be a way to fill the memory. */
import { expect, test } from 'vitest';
import { aliveBytes } from './memory.ts';
import { call } from './post.ts';
import { plain, request } from './raw-http.ts';
import { threeClouds } from './three-clouds.ts';

const world = threeClouds();
const CONNECTIONS = 60;

/** A connection on which one call has been answered, whose body had `size` bytes. */
async function idle(path: string, size: number) {
  const socket = plain(world.aws().loopback.port);
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: localhost',
    `authorization: Bearer ${world.mesh.token('alice')}`,
    'content-type: application/json',
  ];
  let text = '';
  const answered = new Promise<void>((resolve) =>
    socket.on('data', (chunk) => {
      text += chunk;
      if (/pong|error/.test(text)) resolve();
    }),
  );
  socket.write(request(head, JSON.stringify(call('echo', { text: 'x'.repeat(size) }))));
  await answered;
  return socket;
}

test.each([
  ['/mcp/near', 'of a call that was answered', 90_000],
  ['/mcp/far', 'of a call that crossed', 90_000],
  ['/mcp/near', 'of a call that was refused', 99_990],
])('%s, %s', async (path, _what, size) => {
  for (let i = 0; i < 5; i += 1) (await idle(path, size)).destroy();
  world.upstream.seen.length = 0;
  const before = await aliveBytes();
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => idle(path, size)));
  world.upstream.seen.length = 0;
  const grown = (await aliveBytes()) - before;
  for (const socket of sockets) socket.destroy();
  expect(grown).toBeLessThan((CONNECTIONS * size) / 3);
});
