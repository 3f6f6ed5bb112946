/**
 * A server registered at an address outside the plane's reach, in every spelling that some reader takes for it. A canary listens on loopback, where most
 * of them lead: it hears nothing. (By names: gateway/adapters/undici-upstreams.test.ts. The doors of a stack: upstream-out-of-reach.test.ts.)
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TestMesh } from '../../gateway/test/mesh.ts';
import { call, outcome, post } from '../../gateway/test/post.ts';

let hits = 0;
const canaries: Server[] = [];
let mesh: TestMesh;
let port = 0;

async function listen(host: string): Promise<void> {
  const canary = createServer((socket) => {
    hits += 1;
    socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}');
  });
  canaries.push(canary);
  await once(canary.listen(port, host), 'listening');
  port = (canary.address() as AddressInfo).port;
}

beforeAll(async () => {
  await listen('0.0.0.0');
  await listen('::1').catch(() => undefined); // a machine without IPv6
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { near: { gateway: 'aws', url: 'http://10.9.9.9/' }, far: { gateway: 'azure', url: 'http://10.9.9.9/' } },
    grants: ['near', 'far'].map((server) => ({ user: 'alice', server })),
    reach: [{ cidr: '10.0.0.0/8' }, { cidr: 'fd12:3456::/32' }],
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  for (const canary of canaries) canary.close();
});
beforeEach(() => {
  hits = 0;
});

const LOOPBACK = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '0x7f000001',
  '0x7f.0.0.1',
  '0X7F.0x0.0x0.0x1',
  '0177.0.0.1',
  '00000177.0.0.1',
  '017700000001',
  '2130706433',
  '127.0.0.1.',
  '%31%32%37.0.0.1',
  '①②⑦.⓪.⓪.①',
  '１２７.０.０.１',
  '127。0。0。1',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'ｌｏｃａｌｈｏｓｔ',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::0001]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[0000::ffff:7f00:0001]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '0',
  '0.0.0.0',
  '0x0',
  '[::]',
  'user:password@127.0.0.1',
  '10.0.0.1@127.0.0.1',
];
const METADATA = [
  '169.254.169.254',
  '0xa9fea9fe',
  '2852039166',
  '0251.0376.0251.0376',
  '169.254.43518',
  '[::ffff:169.254.169.254]',
  '[::ffff:a9fe:a9fe]',
  '[64:ff9b::a9fe:a9fe]',
  '[2002:a9fe:a9fe::]',
  '[fd00:ec2::254]',
  '[fd20:ce::254]',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
];
const BROKEN = [
  '[::1%25lo]',
  '[fe80::1%25eth0]',
  '127.0.0.256',
  '0x100000000',
  '[127.0.0.1]',
  '127.0.0.1:99999',
  ' 127.0.0.1',
];

const ask = async (server: string) =>
  outcome(await post(`${mesh.gateway('aws').door}/mcp/${server}`, call('echo'), { token: mesh.token('alice') }));

test.each(LOOPBACK.concat(METADATA, BROKEN).map((host) => [host] as const))(
  '%s: 502, and the canary hears nothing',
  async (host) => {
    const url = `http://${host}:${port}/mcp`;
    await mesh.apply((tables) => ({ ...tables, servers: tables.servers.map((server) => ({ ...server, url })) }));
    for (const [server, hop] of [
      ['near', 'aws'],
      ['far', 'azure'],
    ] as const) {
      const reply = await ask(server);
      const code = BROKEN.includes(host)
        ? expect.stringMatching(/^upstream_(?:invalid|out_of_reach|down)$/)
        : expect.stringMatching(/^upstream_(?:out_of_reach|down)$/);
      expect(reply).toMatchObject({ status: 502, body: { error: { data: { code, hop } } } });
      // a name that the system does not know is down; whatever is an address is out of reach
      if (/^[\d[]/.test(host) && !BROKEN.includes(host))
        expect(reply).toMatchObject({ body: { error: { data: { code: 'upstream_out_of_reach' } } } });
    }
    expect(hits).toBe(0);
  },
);

test('the canary does hear what is inside', async () => {
  const reaching = await TestMesh.start({
    gateways: ['aws'],
    servers: { near: { gateway: 'aws', url: `http://0x7f.1:${port}/mcp` } },
    grants: [{ user: 'alice', server: 'near' }],
  });
  await post(`${reaching.gateway('aws').door}/mcp/near`, call('echo'), { token: reaching.token('alice') });
  await reaching[Symbol.asyncDispose]();
  expect(hits).toBe(1);
});
