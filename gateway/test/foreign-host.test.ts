/** Attack: DNS rebinding. A foreign name leads to us, and its page speaks to us as to itself: the Host is foreign, so nothing is served. */
import { describe, expect, test } from 'vitest';
import { APP, edged } from './edges.ts';
import { asPeer, exchange, plain, request } from './raw-http.ts';

const world = edged();
const aws = () => world.mesh.gateway('aws');

describe('refused', () => {
  const anywhere = [
    'evil.example',
    'evil.example:18410',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.7',
    'mcp.example.com.evil.example',
    'aws.test.mesh.internal',
    'localhost:18410:80',
    'localhost/evil',
  ];
  const rows = [
    ...anywhere.flatMap((host) => [['tls', host] as const, ['loopback', host] as const]),
    // this machine's names are not those of a gateway that others reach
    ...['127.0.0.1', '127.0.0.1:8443', '[::1]', '127.8.8.8'].map((host) => ['tls', host] as const),
  ];
  test.each(rows)('%s, %s: 421', async (door, host) => {
    for (const lines of [[`host: ${host}`], [`host: ${host}`, `origin: http://${host}`]]) {
      const reply = await world.send(door, lines);
      expect({ status: reply.status, code: reply.json().error.data.code }).toEqual({
        status: 421,
        code: 'host_refused',
      });
    }
    const asking = [`host: ${host}`, `origin: ${APP}`, 'access-control-request-method: POST'];
    const preflight = await world.send(door, asking, { method: 'OPTIONS', token: undefined });
    expect([preflight.status, preflight.headers.has('access-control-allow-origin')]).toEqual([421, false]);
    expect(aws().audit.notes).toMatchObject(Array(3).fill({ code: 'host_refused', status: 'refused' }));
    expect(world.upstream.seen).toEqual([]);
  });

  test('no Host at all', async () => {
    const bytes = request(['GET /mcp/far HTTP/1.0', `authorization: Bearer ${world.mesh.token('alice')}`]);
    expect((await exchange(plain(aws().loopback.port), bytes)).status).toBe(421);
  });

  test('a good Host before it opens nothing for the next', async () => {
    expect((await world.send('loopback', ['host: localhost'])).status).toBe(200);
    expect((await world.send('loopback', ['host: evil.example'])).status).toBe(421);
    expect((await world.send('loopback', ['host: 127.0.0.1'])).status).toBe(200);
    expect((await world.send('tls', ['host: 127.0.0.1'])).status).toBe(421);
  });

  test.each(['localhost', 'evil.example', 'azure.test.mesh.internal'])('between gateways, %s: 421', async (host) => {
    const azure = world.mesh.gateway('azure').identity.current();
    const reply = await exchange(asPeer(aws(), azure), request(['GET /mcp/near HTTP/1.1', `host: ${host}`]));
    expect(reply.status).toBe(421);
  });
});

describe('served', () => {
  test.each([
    ['tls', 'localhost'],
    ['tls', 'localhost:443'],
    ['tls', 'LOCALHOST'],
    ['tls', 'mcp.example.com'],
    ['tls', 'mcp.example.com:8443'],
    ['loopback', 'localhost:18411'],
    ['loopback', '127.0.0.1:18411'],
    ['loopback', '127.8.8.8'],
    ['loopback', '[::1]:18411'],
    ['loopback', 'mcp.example.com'],
  ] as const)('%s, %s', async (door, host) => {
    expect((await world.send(door, [`host: ${host}`])).status).toBe(200);
  });

  test('between gateways, the mesh name: the caller has to prove himself next', async () => {
    const azure = world.mesh.gateway('azure').identity.current();
    const lines = ['GET /mcp/near HTTP/1.1', 'host: aws.test.mesh.internal'];
    const reply = await exchange(asPeer(aws(), azure), request(lines));
    expect(reply.json().error.data.code).toBe('hop_header_malformed');
  });
});
