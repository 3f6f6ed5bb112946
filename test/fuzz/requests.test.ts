/**
 * Requests that are nearly right, as bytes, against gateways with real sockets: each is answered (CONNECT is hung up on), and none with 5xx.
 * They begin as right ones, of both eras and to both sides of a hop, and few things are wrong with each: what is all wrong never gets past the parser.
 */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { plain } from '../../gateway/test/raw-http.ts';
import { threeClouds } from '../../gateway/test/three-clouds.ts';
import { answerJson, type Script } from '../../gateway/test/upstream.ts';
import { bytes } from './targets.ts';

const RUNS = 5_000;
/** Far more than a busy machine takes; less than the limit of all runs, which is no failure. */
const HANG_MS = 30_000;
const MODERN = '2026-07-28';
const world = threeClouds();

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly version: string;
  readonly lines: readonly string[];
  readonly body: Buffer;
}

const CALL = { name: 'echo', arguments: { text: 'a' } };
const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientCapabilities': {},
};
const asked = (method: string, lines: readonly string[], message?: object): Omit<Asked, 'path'> => ({
  method,
  version: 'HTTP/1.1',
  lines: ['host: localhost', 'content-type: application/json', 'accept: application/json, text/event-stream', ...lines],
  body: Buffer.from(message ? JSON.stringify({ jsonrpc: '2.0', ...message }) : ''),
});
const modern = (method: string, params: object, lines: readonly string[] = []) =>
  asked('POST', [`mcp-protocol-version: ${MODERN}`, `mcp-method: ${method}`, ...lines], {
    id: 1,
    method,
    params: { ...params, _meta: META },
  });

/** All of these pass as they are. */
const right = fc
  .tuple(
    fc.constantFrom(
      asked('POST', [], { id: 1, method: 'tools/call', params: CALL }),
      asked('POST', [], { id: 'l', method: 'tools/list' }),
      asked('POST', [], { method: 'notifications/initialized' }),
      asked('POST', [], { id: 1, method: 'resources/read', params: { uri: 'docs://a' } }),
      modern('tools/call', CALL, ['mcp-name: echo']),
      modern('tools/list', {}),
      asked('GET', []),
      asked('DELETE', ['mcp-session-id: x']),
    ),
    fc.constantFrom('/mcp/near', '/mcp/far'),
  )
  .map(([request, path]): Asked => ({ ...request, path }));

const printable = fc.string({ maxLength: 12 });
const sentinel = fc
  .tuple(bytes, printable)
  .map(([text, wrong]) => `mcp-name: =?base64?${text.toString('base64')}${wrong}?=`);
const extra = fc.oneof(
  sentinel,
  fc.constantFrom(
    'host: localhost',
    'connection: close',
    'connection: mcp-method',
    'expect: 100-continue',
    'expect: x',
  ),
  fc.constantFrom('upgrade: h2c', 'transfer-encoding: chunked', 'origin: null', 'last-event-id: 1', 'accept: */*'),
  fc.constantFrom(
    `mcp-protocol-version: ${MODERN}`,
    'mcp-protocol-version: 1',
    'mcp-method: x',
    'mcp-name: =?base64?!?=',
  ),
  fc
    .tuple(
      fc.constantFrom(
        'mcp-name',
        'mcp-param-a',
        'mcp-session-id',
        'last-event-id',
        'traceparent',
        'x-tfy-mcp-headers',
        'x',
      ),
      printable,
    )
    .map(([name, value]) => `${name}: ${value}`),
  fc.tuple(fc.string({ maxLength: 8 }), printable).map(([name, value]) => `${name}: ${value}`),
);
const path = fc.oneof(
  fc.constantFrom(
    '/mcp/%6eear',
    '/mcp/%',
    '*',
    '//',
    '/mcp/near?x=%',
    'http://localhost/mcp/near',
    '/mcp/../mcp/near',
    '/',
  ),
  printable,
);
const method = fc.constantFrom('GET', 'DELETE', 'PUT', 'OPTIONS', 'CONNECT', 'HEAD', 'TRACE', 'x');
const without = <T>(all: readonly T[], at: number): readonly T[] => all.filter((_one, i) => i !== at % all.length);

const nameOf = (line: string): string => line.slice(0, line.indexOf(':'));
/** A second line of one name is refused unread: what reads a value is tried by the line alone. */
const inItsPlace = (lines: readonly string[], line: string): readonly string[] =>
  lines.map((old) => (nameOf(old) === nameOf(line) ? line : old));

/** One thing that is done to a request. */
type Damage = (request: Asked) => Asked;
const damage: fc.Arbitrary<Damage> = fc.oneof(
  {
    weight: 2,
    arbitrary: extra.map(
      (line): Damage =>
        (one) => ({ ...one, lines: [...one.lines, line] }),
    ),
  },
  {
    weight: 3,
    arbitrary: extra.map(
      (line): Damage =>
        (one) => ({ ...one, lines: inItsPlace(one.lines, line) }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.nat(9).map(
      (at): Damage =>
        (one) => ({ ...one, lines: without(one.lines, at) }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(400), fc.nat(6), bytes).map(
      ([at, gone, instead]): Damage =>
        ({ body, ...one }) => {
          const from = at % (body.length + 1);
          return { ...one, body: Buffer.concat([body.subarray(0, from), instead, body.subarray(from + gone)]) };
        },
    ),
  },
  {
    weight: 1,
    arbitrary: path.map(
      (other): Damage =>
        (one) => ({ ...one, path: other }),
    ),
  },
  {
    weight: 1,
    arbitrary: method.map(
      (other): Damage =>
        (one) => ({ ...one, method: other }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('HTTP/1.0', 'HTTP/2.0', '').map(
      (version): Damage =>
        (one) => ({ ...one, version }),
    ),
  },
);
const nearlyRight = fc
  .tuple(right, fc.array(damage, { maxLength: 3 }))
  .map(([request, damages]) => damages.reduce((one, change) => change(one), request));

/** A server that finds nothing wrong with anything. */
const agree: Script = (seen, response) => {
  if (seen.method === 'GET')
    return void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': hello\n\n');
  if (seen.method !== 'POST') return void response.writeHead(204).end();
  const { id, method: what } = JSON.parse(seen.body);
  if (id === undefined) return void response.writeHead(202).end();
  answerJson(response, { jsonrpc: '2.0', id, result: what === 'tools/list' ? { tools: [{ name: 'echo' }] } : {} });
};

const FINAL = /(?:^|\r\n\r\n)HTTP\/1\.1 ([2-5]\d\d)/;
/** Status of the answer; undefined where the gateway hung up without one. */
async function statusOf({ method: verb, path: target, version, lines, body }: Asked): Promise<number | undefined> {
  const head = [
    `${verb} ${target} ${version}`,
    ...lines,
    `authorization: Bearer ${world.mesh.token('alice')}`,
    `content-length: ${body.length}`,
  ];
  const socket = plain(world.aws().loopback.port);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const hung = setTimeout(() => reject(new Error('neither answered nor hung up on')), HANG_MS);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    if (FINAL.test(text)) resolve();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => resolve());
  socket.write(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
  await promise.finally(() => {
    clearTimeout(hung);
    socket.destroy();
  });
  const status = FINAL.exec(text)?.[1];
  return status === undefined ? undefined : Number(status);
}

test('a request that is nearly right is answered, and never with 5xx', async () => {
  world.upstream.script = agree;
  const statuses = new Map<number | undefined, number>();
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(nearlyRight, async (request) => {
      const status = await statusOf(request);
      runs += 1;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (request.method === 'CONNECT') expect([undefined, 400]).toContain(status);
      else expect(status).toBeLessThan(500);
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 60_000 },
  );
  // else the fuzz would try the parser of HTTP alone
  expect(world.upstream.seen.length).toBeGreaterThan(runs / 5);
  expect(statuses.get(400)).toBeGreaterThan(runs / 10);
  expect(
    [...world.mesh.gateways.values()].flatMap(({ log }) => log.lines.filter(({ level }) => level === 'error')),
  ).toEqual([]);
  await vi.waitUntil(() => world.aws().server.flights.size === 0, { timeout: 30_000 });
}, 120_000);
