/** A few thousand cases of each fuzz target (`npm run fuzz` runs a hundred thousand), and raw requests against a gateway with real sockets. */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { plain } from '../../gateway/test/raw-http.ts';
import { threeClouds } from '../../gateway/test/three-clouds.ts';
import { bytes, targets } from './targets.ts';

const world = threeClouds();

test.each(targets)('$name', ({ property }) => {
  fc.assert(property, { numRuns: 5_000 });
});

const line = fc.oneof(
  fc.constantFrom(
    'host: localhost',
    'content-type: application/json',
    'accept: */*',
    'connection: close',
    'expect: 100-continue',
    'expect: x',
  ),
  fc.constantFrom(
    'upgrade: h2c',
    'transfer-encoding: chunked',
    'origin: null',
    'mcp-protocol-version: 2026-07-28',
    'mcp-method: x',
    'last-event-id: 1',
  ),
  fc.tuple(fc.string({ maxLength: 8 }), fc.string({ maxLength: 12 })).map(([name, value]) => `${name}: ${value}`),
);
const start = fc.tuple(
  fc.constantFrom('POST', 'GET', 'DELETE', 'PUT', 'OPTIONS', 'CONNECT', 'HEAD', 'TRACE', 'x'),
  fc.oneof(
    fc.constantFrom(
      '/mcp/near',
      '/mcp/%6eear',
      '/mcp/%',
      '*',
      '//',
      '/mcp/near?x=%',
      'http://localhost/mcp/near',
      '/mcp/../mcp/near',
    ),
    fc.string({ maxLength: 20 }),
  ),
  fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', ''),
);

test('no request makes the gateway answer 5xx, or stop', async () => {
  world.upstream.script = (_seen, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  const token = world.mesh.token('alice');
  await fc.assert(
    fc.asyncProperty(start, fc.array(line, { maxLength: 5 }), bytes, async (first, lines, body) => {
      const head = [first.join(' '), ...lines, `authorization: Bearer ${token}`, `content-length: ${body.length}`];
      const socket = plain(world.aws().loopback.port);
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('error', () => undefined);
      const over = new Promise((resolve) => socket.once('close', resolve));
      const answered = vi
        .waitUntil(() => text.includes('\r\n\r\n'), { timeout: 500, interval: 1 })
        .catch(() => undefined);
      socket.write(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
      await Promise.race([answered, over]);
      socket.destroy();
      await over;
      expect(text).not.toMatch(/^HTTP\/1\.1 5/m);
    }),
    { numRuns: 1_500, interruptAfterTimeLimit: 40_000 },
  );
  expect(world.aws().log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  await vi.waitUntil(() => world.aws().server.flights.size === 0, { timeout: 10_000 });
}, 60_000);
