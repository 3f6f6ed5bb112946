/** A caller who reads nothing and leaves: his exchange ends with him, and is recorded, also when several events came in one chunk. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test, vi } from 'vitest';
import { call } from './post.ts';
import { threeClouds } from './three-clouds.ts';

const world = threeClouds();
const { aws } = world;

test('who does not read and leaves is let go, and recorded once', async () => {
  const note = {
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: 1, progress: 1, message: 'x'.repeat(200) },
  };
  const many = `event: message\ndata: ${JSON.stringify(note)}\n\n`.repeat(300);
  let held = 0;
  world.upstream.script = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const pump = (): void => {
      while (!response.destroyed && response.write(many));
      held += 1;
      if (!response.destroyed) response.once('drain', pump);
    };
    pump();
  };
  const body = JSON.stringify(call('echo'));
  const head = [
    'POST /mcp/near HTTP/1.1',
    'host: localhost',
    `authorization: Bearer ${world.mesh.token('alice')}`,
    'content-type: application/json',
    'accept: application/json, text/event-stream',
    `content-length: ${body.length}`,
  ];
  const socket = connect(aws().loopback.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  // every buffer on the way is full: nothing has moved for a while
  await vi.waitUntil(
    async () => {
      const before = held;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return held > 0 && before === held;
    },
    { timeout: 20_000 },
  );
  expect(aws().server.flights.size).toBe(1);
  socket.destroy();
  await vi.waitUntil(() => aws().server.flights.size === 0, { timeout: 10_000 });
  await vi.waitUntil(() => aws().audit.records.length > 0, { timeout: 10_000 });
  expect(aws().audit.records).toMatchObject([{ code: 'caller_left', status: 'failed' }]);
});
