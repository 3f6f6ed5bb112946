/** The load counts what happened, not what was hoped for: real sockets, real misbehaviour. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { answerBytes, type Door } from './call.ts';
import { freePort } from './free-port.ts';
import { type Loaded, load } from './load.ts';

const doorAt = (port: number): Door => ({ host: '127.0.0.1', port, path: '/mcp', token: 'none' });

async function loadAgainst(answer: RequestListener, calls = 40): Promise<Loaded> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const door = doorAt((server.address() as AddressInfo).port);
    return await load({ door, calls, connections: 4, era: 'modern' });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Answers as the upstream does, after `wrong` has had its say. */
function honest(wrong: (nth: number, ...of: Parameters<RequestListener>) => boolean = () => false): RequestListener {
  let nth = 0;
  return async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    nth += 1;
    if (wrong(nth, request, response)) return;
    const { id } = JSON.parse(Buffer.concat(chunks).toString());
    response.writeHead(200, { 'content-type': 'application/json' }).end(answerBytes(id));
  };
}

test('counts every answered call once, with its latency', async () => {
  const loaded = await loadAgainst(honest());
  expect(loaded).toMatchObject({ failed: 0, firstFailure: undefined });
  expect(loaded.latencies).toHaveLength(40);
  expect(Math.min(...loaded.latencies)).toBeGreaterThan(0);
});

test("counts an answer that is somebody else's as failed", async () => {
  const loaded = await loadAgainst(
    honest((nth, _request, response) => nth === 7 && Boolean(response.end(answerBytes(1)))),
  );
  expect(loaded.latencies).toHaveLength(39);
  expect(loaded).toMatchObject({ failed: 1, firstFailure: expect.stringContaining('status 200: {"jsonrpc"') });
});

test('counts a refusal and a broken connection as failed, and goes on', async () => {
  const refuse = honest((nth, request, response) => {
    if (nth === 5) return Boolean(response.writeHead(503).end('busy'));
    return nth === 9 && Boolean(request.socket.destroy());
  });
  const loaded = await loadAgainst(refuse);
  expect(loaded.latencies).toHaveLength(38);
  expect(loaded.failed).toBe(2);
});

test('ends when nobody listens, with every call failed', async () => {
  const loaded = await load({ door: doorAt(await freePort()), calls: 1000, connections: 4, era: 'legacy' });
  expect(loaded).toMatchObject({ failed: 1000, firstFailure: expect.stringContaining('ECONNREFUSED') });
});

test('goes on over a new connection when the peer says that it closes', async () => {
  const loaded = await loadAgainst(honest((_nth, _request, response) => !response.setHeader('connection', 'close')));
  expect(loaded).toMatchObject({ failed: 0 });
});
