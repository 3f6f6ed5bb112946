/**
 * Where an MCP server's URL may lead, by names: every address that a name has is asked about at each dial, so that a name that points elsewhere, now or
 * later (DNS rebinding), opens nothing. Name look-up is the system's; here it says what the test tells it.
 */
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { compileReach } from '@portolan/core';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { TestRegistry } from '../test/fakes.ts';
import { Upstream } from '../test/upstream.ts';
import { UndiciUpstreams } from './undici-upstreams.ts';

const names = new Map<string, () => readonly string[]>();
vi.mock('node:dns', async (original) => ({
  ...(await original<typeof import('node:dns')>()),
  lookup: (name: string, _options: object, done: (error: Error | null, found?: LookupAddress[]) => void) => {
    const found = names.get(name)?.() ?? [];
    const addresses = found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    done(found.length > 0 ? null : Object.assign(new Error(name), { code: 'ENOTFOUND' }), addresses);
  },
}));

/** Inside: this one address of loopback. Outside: all others, where the canary listens as well. */
const INSIDE = '127.0.0.77';
let inside: Upstream;
let canary: ReturnType<typeof createServer>;
let hits = 0;
let upstreams: UndiciUpstreams;
let port = 0;

beforeAll(async () => {
  canary = createServer((socket) => {
    hits += 1;
    socket.destroy();
  });
  canary.on('error', () => undefined);
  await once(canary.listen(0, '127.0.0.1'), 'listening');
  port = (canary.address() as AddressInfo).port;
  inside = await Upstream.start(undefined, { host: INSIDE, port });
  const mayDial = compileReach([{ cidr: `${INSIDE}/32` }]);
  upstreams = new UndiciUpstreams({ registry: new TestRegistry(undefined), mayDial });
});
afterAll(async () => {
  await upstreams?.close();
  canary?.close();
  await inside?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  hits = 0;
  names.clear();
});

const exchange = {
  method: 'POST',
  headers: ['content-type', 'application/json'],
  body: Buffer.from('{"id":1}'),
  ending: { reason: undefined, listen: () => undefined, heard: () => undefined },
} as const;

/** What becomes of one exchange with the server at `host`: its status, or the code of the refusal. */
async function ask(host: string): Promise<number | string> {
  const server = { name: 's', gateway: 'aws', proxyUrl: '', url: `http://${host}:${port}/mcp` };
  try {
    const answer = await upstreams.open(server, exchange);
    for await (const _ of answer.body);
    return answer.status;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test.each([
  ['loopback', ['127.0.0.1']],
  ['all of loopback but one', ['127.0.0.2', '127.0.0.1', '127.255.255.254']],
  ['loopback in IPv6', ['::1']],
  ['loopback, mapped', ['::ffff:127.0.0.1']],
  ['loopback, mapped in hexadecimal', ['::ffff:7f00:1']],
  ['loopback by NAT64', ['64:ff9b::7f00:1']],
  ['metadata by its name', ['169.254.169.254']],
  ['no address at all', ['0.0.0.0', '::']],
  ['metadata of AWS', ['169.254.169.254', 'fd00:ec2::254']],
  ['metadata of Azure', ['168.63.129.16']],
  ['metadata of Alibaba', ['100.100.100.200']],
  ['link-local with a zone', ['fe80::1%lo']],
  ['a private network', ['10.0.0.1', '192.168.0.1', 'fd00::1']],
])('a name that means %s: out of reach, and nothing is dialled', async (_what, addresses) => {
  names.set('server.example', () => addresses);
  expect(await ask('server.example')).toBe('upstream_out_of_reach');
  expect(hits).toBe(0);
});

test('of the addresses of a name those inside are dialled, whatever their order', async () => {
  names.set('mixed.example', () => ['127.0.0.1', '169.254.169.254', INSIDE, '::1']);
  expect(await ask('mixed.example')).toBe(200);
  expect(hits).toBe(0);
});

test('a name that means the inside first, and loopback at the next dial, opens the inside alone', async () => {
  let looks = 0;
  names.set('rebound.example', () => (looks++ % 2 === 0 ? [INSIDE] : ['127.0.0.1']));
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => ask('rebound.example')));
  expect([...outcomes].sort()).toEqual([200, 200, 200, ...Array(3).fill('upstream_out_of_reach')]);
  expect(hits).toBe(0);
});

test('a name that nobody knows is down, not out of reach', async () => {
  expect(await ask('nowhere.example')).toBe('upstream_down');
});
