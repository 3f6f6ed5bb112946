/** A client that sends several requests without waiting (pipelining): one is begun when the one before is answered, and none that nobody waits for. */
import { expect, test, vi } from 'vitest';
import { call } from './post.ts';
import { plain, request } from './raw-http.ts';
import { threeClouds } from './three-clouds.ts';
import { answerEcho } from './upstream.ts';

const world = threeClouds();
const { aws } = world;
const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 10_000, interval: 5 });
const pipelined = (count: number): string =>
  request(
    [
      'POST /mcp/near HTTP/1.1',
      'host: localhost',
      `authorization: Bearer ${world.mesh.token('alice')}`,
      'content-type: application/json',
    ],
    JSON.stringify(call('echo')),
  ).repeat(count);

function talkative(bytes: string) {
  const socket = plain(aws().loopback.port);
  let text = '';
  let closed = false;
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  socket.write(bytes);
  return { socket, text: () => text, closed: () => closed };
}

test('calls that wait behind another are not begun when their client leaves, nor without him', async () => {
  world.upstream.script = () => undefined;
  const socket = plain(aws().loopback.port);
  socket.write(pipelined(3));
  await until(() => world.upstream.seen.length === 1);
  socket.destroy();
  await world.upstream.seen[0]?.closed;
  await until(() => aws().server.flights.size === 0);
  world.upstream.script = answerEcho;
  await world.ask('/mcp/near', { ...call('echo'), method: 'ping' });
  expect(world.upstream.seen).toHaveLength(2);
  expect(aws().audit.records).toMatchObject([
    { code: 'caller_left', status: 'failed', tool: 'echo' },
    { method: 'ping' },
  ]);
});

test('calls come to the server one after another, each after the answer to the one before', async () => {
  const held: (() => void)[] = [];
  world.upstream.script = (seen, response) => held.push(() => answerEcho(seen, response));
  const client = talkative(pipelined(1) + pipelined(1).replace('"id":1', '"id":2'));
  await until(() => held.length === 1);
  expect(aws().server.flights.size).toBe(1);
  held[0]?.();
  await until(() => held.length === 2);
  expect(client.text()).toMatch(/"id":1/);
  held[1]?.();
  await until(() => /"id":2/.test(client.text()));
  expect(client.text().match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  client.socket.destroy();
});

test('nothing is begun behind an answer that ends the connection', async () => {
  const client = talkative(pipelined(1).replace('host: localhost', 'host: localhost\r\nhost: evil') + pipelined(1));
  await until(client.closed);
  expect(client.text().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
  expect(aws().audit.notes).toMatchObject([{ code: 'http_malformed' }]);
  expect({ records: aws().audit.records, seen: world.upstream.seen }).toEqual({ records: [], seen: [] });
});

test('who sends ever more without waiting is hung up on', async () => {
  world.upstream.script = () => undefined;
  const client = talkative(pipelined(50));
  await until(client.closed);
  await until(() => aws().server.flights.size === 0);
  expect(world.upstream.seen.length).toBeLessThanOrEqual(1);
});
