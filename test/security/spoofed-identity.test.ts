/**
 * Headers by which proxies tell each other who calls: from a caller they say nothing, in whatever case, however often, whether `Connection` lists them
 * or not. The server sees our own headers and those few of the caller that we pass on, no others.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestMesh } from '../../gateway/test/mesh.ts';
import { call } from '../../gateway/test/post.ts';
import { exchange, plain, request } from '../../gateway/test/raw-http.ts';
import { RawUpstream } from '../../gateway/test/raw-upstream.ts';

let upstream: RawUpstream;
let mesh: TestMesh;
beforeAll(async () => {
  upstream = await RawUpstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { near: { gateway: 'aws', url: upstream.url }, far: { gateway: 'azure', url: upstream.url } },
    grants: ['near', 'far'].map((server) => ({ user: 'alice', server })),
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.forget();
  for (const gateway of mesh.gateways.values()) gateway.forget();
});

const SPOOFED = [
  'X-Forwarded-For',
  'x-forwarded-host',
  'X-FORWARDED-PROTO',
  'X-Forwarded-User',
  'x-Forwarded-Email',
  'X-Forwarded-Client-Cert',
  'Forwarded',
  'VIA',
  'X-Real-IP',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-HTTP-Method-Override',
  'X-Auth-Request-User',
  'X-Remote-User',
  'Remote-User',
  'X-User-Id',
  'X-Client-Verify',
  'SSL-Client-Cert',
  'X-Amzn-Oidc-Identity',
  'CF-Access-Jwt-Assertion',
  'Cookie',
  'Proxy-Authorization',
  'Proxy-Connection',
  'TE',
  'Trailer',
  'Upgrade',
  'X-Request-Id',
  'baggage',
];
/** Names of all that may ever reach a server. */
const OURS =
  /^(?:host|connection|accept|accept-encoding|accept-language|content-type|content-length|user-agent|traceparent|tracestate|mcp-[a-z-]+)$/;

const base = (server: string): readonly string[] => [
  `POST /mcp/${server} HTTP/1.1`,
  'host: localhost',
  `authorization: Bearer ${mesh.token('alice')}`,
  'content-type: application/json',
];
const ask = (lines: readonly string[]) =>
  exchange(plain(mesh.gateway('aws').loopback.port), request(lines, JSON.stringify(call('echo'))));

async function expectOnlyOurs(server: string, lines: readonly string[]): Promise<void> {
  const reply = await ask([...base(server), ...lines]);
  expect(reply.status).toBe(200);
  const [seen] = upstream.requests;
  const names = (seen?.head.split('\r\n').slice(1) ?? []).map((line) => line.slice(0, line.indexOf(':')).toLowerCase());
  expect(names.filter((name) => !OURS.test(name))).toEqual([]);
  expect(new Set(names).size).toBe(names.length);
  expect(upstream.bytes).not.toContain('mallory');
  const [record] = mesh.gateway('aws').audit.records;
  expect(record).toMatchObject({ user: 'alice', status: 'success' });
  expect(record?.request_id).not.toBe('mallory');
}

describe.each(['near', 'far'])('%s', (server) => {
  test.each(SPOOFED)('%s, once, twice and listed by Connection, reaches no server', async (name) => {
    const plainly = name === 'Trailer' || name === 'TE' ? `${name}: trailers` : `${name}: mallory`;
    await expectOnlyOurs(server, [plainly]);
    upstream.forget();
    mesh.gateway('aws').forget();
    await expectOnlyOurs(server, [
      plainly,
      `${name.toLowerCase()}: mallory`,
      `Connection: keep-alive, ${name.toUpperCase()}`,
    ]);
  });

  test.each(['portolan-hop', 'PORTOLAN-Caller', 'Portolan-Fault', 'portolan-'])(
    '%s is refused, listed by Connection or not',
    async (name) => {
      expect((await ask([...base(server), `${name}: mallory`])).status).toBe(400);
      expect((await ask([...base(server), `${name}: mallory`, `Connection: ${name}`])).status).toBe(400);
      expect(upstream.bytes).toBe('');
    },
  );

  test('a trace that a caller sends is gone on with by a span of our own', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    await expectOnlyOurs(server, [`traceparent: 00-${trace}-b7ad6b7169203331-01`]);
    expect(upstream.requests[0]?.head).toContain(trace);
    expect(upstream.requests[0]?.head).not.toContain('b7ad6b7169203331');
  });
});
