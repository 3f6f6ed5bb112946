/** Bytes that are no HTTP on a connection whose request is under way: nothing of ours gets into its answer, and its record is the only one. */
import type { Socket } from 'node:net';
import { beforeEach, expect, test, vi } from 'vitest';
import { call } from './post.ts';
import { plain, request } from './raw-http.ts';
import { threeClouds } from './three-clouds.ts';

const world = threeClouds();
const { aws } = world;
const GARBAGE = 'no HTTP at all\r\n\r\n';
const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 10_000, interval: 5 });

/** The client's end of one connection: what has come, and whether it is closed. */
interface Client {
  readonly socket: Socket;
  readonly text: () => string;
  readonly closed: () => boolean;
}
let client: Client;
beforeEach(() => {
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
  client = { socket, text: () => text, closed: () => closed };
});

const head = (user: string, ...more: readonly string[]): readonly string[] => [
  'POST /mcp/near HTTP/1.1',
  'host: localhost',
  `authorization: Bearer ${world.mesh.token(user)}`,
  'content-type: application/json',
  ...more,
];
const send = (bytes: string): void => void client.socket.write(bytes);

/** The connection has ended, and these are its records. */
async function endsWith(...records: readonly object[]): Promise<void> {
  await until(() => client.closed() && aws().server.flights.size === 0);
  expect(aws().audit.records).toMatchObject(records);
  expect(aws().audit.notes).toEqual([]);
}

test('while an answer streams, nothing is put into it', async () => {
  world.upstream.script = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': open\n\n');
  };
  send(request(head('alice'), JSON.stringify(call('echo'))));
  await until(() => client.text().includes(': open'));
  send(GARBAGE);
  await endsWith({ code: 'http_malformed', user: 'alice', tool: 'echo' });
  expect(client.text().match(/HTTP\/1\.1/g)).toHaveLength(1);
});

test('while a call waits, no other answer takes the place of its own', async () => {
  world.upstream.script = () => undefined;
  send(request(head('alice'), JSON.stringify(call('echo'))));
  await until(() => world.upstream.seen.length === 1);
  send(GARBAGE);
  await endsWith({ code: 'http_malformed', user: 'alice', tool: 'echo' });
  expect(client.text()).toBe('');
});

test('in the body: its own answer and one record, under the principal of the request', async () => {
  send(request(head('alice', 'transfer-encoding: chunked')));
  await until(() => aws().server.flights.size === 1);
  send('zz\r\n');
  await endsWith({ code: 'http_malformed', user: 'alice', http_status: 400 });
  expect(client.text().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
  expect(client.text()).toContain(aws().audit.records[0]?.request_id);
});

test('in the body of a request that is answered: one answer, one record', async () => {
  send(request(head('bob', 'transfer-encoding: chunked')));
  await until(() => client.text().includes('server_not_found'));
  send('zz\r\n');
  await endsWith({ code: 'no_grant', user: 'bob' });
  expect(client.text().match(/HTTP\/1\.1/g)).toHaveLength(1);
});

test('who leaves in the middle of his body has left', async () => {
  send(request(head('alice', 'content-length: 100')));
  await until(() => aws().server.flights.size === 1);
  client.socket.end();
  await endsWith({ code: 'caller_left', user: 'alice' });
});

test('after an answer is whole: an answer and a note of their own, as on a new connection', async () => {
  send(request(head('alice'), JSON.stringify(call('echo'))));
  await until(() => client.text().includes('pong'));
  send(GARBAGE);
  await until(client.closed);
  expect(client.text().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  expect(aws().audit.records).toMatchObject([{ status: 'success' }]);
  expect(aws().audit.notes).toMatchObject([{ code: 'http_malformed' }]);
});

test('a coding that nobody knows is refused as such, whatever else is wrong', async () => {
  send(request([...head('alice').filter((line) => !line.startsWith('content-type')), 'transfer-encoding: xchunked']));
  await endsWith({ code: 'http_malformed', user: 'alice' });
  expect(client.text().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
});
