/** What a cable tells: an answer that its reader leaves is a cancellation, an answer that has ended is not; torn, it carries again. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cable } from './cable.ts';

let server: Server;
let cable: Cable;
beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    if (request.url === '/short') response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cable = await Cable.lay(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
afterAll(async () => {
  await cable[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

const ask = (path: string, body: string, signal?: AbortSignal) =>
  fetch(new URL(path, cable.url), { method: 'POST', body, ...(signal && { signal }) });
const never = new AbortController().signal;

test('an answer that its reader breaks off', async () => {
  const leave = new AbortController();
  const told = cable.cancelled('test_work', never);
  await ask('/long', 'test_work', leave.signal);
  leave.abort();
  expect(await told).toBe('stream closed');
});

test('the notification of the older era', async () => {
  const told = cable.cancelled('test_work', never);
  await (await ask('/short', '{"method":"notifications/cancelled"}')).text();
  expect(await told).toBe('notified');
});

test('an answer that was read to its end, and then the connection torn, is no cancellation', async () => {
  const over = new AbortController();
  const told = cable.cancelled('test_work', over.signal);
  const passed = cable.asked('test_work', never);
  await (await ask('/short', 'test_work')).text();
  await passed;
  cable.cut();
  await (await ask('/short', 'something else')).text(); // goes through again
  over.abort(new Error('nobody cancelled'));
  await expect(told).rejects.toThrow('nobody cancelled');
});
