// Bad input of flows: each fault is found at its path, and says the way out.

import { expect, test } from 'vitest';
import { flowFaults, type GatewayNetwork, type PlaneNetwork, type SiteNetwork } from './index.ts';

const site = (name: string, more: Partial<SiteNetwork> = {}): SiteNetwork => ({
  name,
  platform: 'generic',
  cluster: name,
  egressCidrs: [name === 'a' ? '203.0.113.1/32' : '203.0.113.2/32'],
  apiServer: { cidrs: ['10.96.0.1/32'], port: 443 },
  upstreamCidrs: [{ cidr: '10.0.0.0/8', ports: [8080] }],
  ...more,
});
const gateway = (name: string, on: SiteNetwork, more: Partial<GatewayNetwork> = {}): GatewayNetwork => ({
  kind: 'gateway',
  name,
  url: `https://${name}.example.com`,
  site: on,
  namespace: `portolan-${name}`,
  ingressCidrs: ['192.0.2.1/32'],
  ...more,
});
const upstreams = (...cidrs: string[]) => site('a', { upstreamCidrs: cidrs.map((cidr) => ({ cidr })) });
const onA = (more: Partial<SiteNetwork>) => [gateway('a', site('a', more))];

test('what is right has no faults, known or not yet', () => {
  expect(flowFaults([gateway('a', site('a')), gateway('b', site('b'), { public: true })])).toEqual([]);
  const unknown = { egressCidrs: undefined, apiServer: { cidrs: undefined, port: 443 } };
  expect(
    flowFaults([gateway('a', site('a', unknown), { ingressCidrs: undefined }), gateway('b', site('b', unknown))]),
  ).toEqual([]);
});

const rows: readonly [string, readonly PlaneNetwork[], string, RegExp][] = [
  ['host bits', onA({ egressCidrs: ['10.1.2.3/8'] }), 'sites.a.egressCidrs[0]', /address within a network.*\/32/],
  [
    'host bits, IPv6',
    onA({ egressCidrs: ['fd00::1/64'] }),
    'sites.a.egressCidrs[0]',
    /address within a network.*\/128/,
  ],
  ['no CIDR', onA({ balancerCidrs: ['10.0.0.0'] }), 'sites.a.balancerCidrs[0]', /expected a CIDR.*got "10\.0\.0\.0"/],
  ['too long a prefix', onA({ egressCidrs: ['10.0.0.0/33'] }), 'sites.a.egressCidrs[0]', /expected a CIDR/],
  [
    'IPv4 in an IPv6 spelling',
    onA({ egressCidrs: ['::ffff:10.0.0.1/128'] }),
    'sites.a.egressCidrs[0]',
    /expected a CIDR/,
  ],
  [
    'two sites leave by one address',
    [gateway('a', site('a')), gateway('b', site('b', { egressCidrs: ['203.0.113.0/24'] }))],
    'sites.b.egressCidrs[0]',
    /overlaps an egress address of site a/,
  ],
  [
    'no upstreamCidrs',
    onA({ upstreamCidrs: undefined } as unknown as Partial<SiteNetwork>),
    'sites.a.upstreamCidrs',
    /expected the networks and ports.*\[\] if/,
  ],
  [
    'metadata within upstreams',
    [gateway('a', upstreams('169.254.0.0/16'))],
    'sites.a.upstreamCidrs[0].cidr',
    /169\.254\.0\.0\/16.*credentials/,
  ],
  [
    'a part of metadata',
    [gateway('a', upstreams('169.254.169.254/32'))],
    'sites.a.upstreamCidrs[0].cidr',
    /credentials/,
  ],
  ['metadata, IPv6', [gateway('a', upstreams('fd00::/8'))], 'sites.a.upstreamCidrs[0].cidr', /fd00:ec2::254/],
  [
    'the API of the cluster',
    [gateway('a', upstreams('10.0.0.0/8'))],
    'sites.a.upstreamCidrs[0].cidr',
    /API of the cluster \(10\.96\.0\.1\/32 port 443\)/,
  ],
  [
    'a network twice',
    [gateway('a', upstreams('10.1.0.0/16', '10.1.0.0/16'))],
    'sites.a.upstreamCidrs[1].cidr',
    /twice/,
  ],
  [
    'the world by its CIDR',
    [gateway('a', site('a'), { public: ['0.0.0.0/0'] })],
    'planes.a.public[0]',
    /open to the world.*`public: true`/,
  ],
  ['the world by halves', [gateway('a', site('a'), { public: ['::/1'] })], 'planes.a.public[0]', /open to the world/],
  [
    'everyone leaves here',
    onA({ egressCidrs: ['0.0.0.0/0'] }),
    'sites.a.egressCidrs[0]',
    /open to the world; expected the addresses/,
  ],
  [
    'one URL twice',
    [gateway('a', site('a')), gateway('b', site('b'), { url: 'https://a.example.com' })],
    'planes.b.url',
    /https:\/\/a\.example\.com is that of another plane/,
  ],
  [
    'one name twice',
    [gateway('a', site('a')), gateway('a', site('b'), { url: 'https://b.example.com' })],
    'planes.a.name',
    /another plane/,
  ],
  [
    'one cluster whose balancers do not lead back to it, without an override',
    [
      gateway('a', site('a', { platform: 'eks' }), { endpointOverride: 'a.svc:443' }),
      gateway('b', site('a', { platform: 'eks' })),
    ],
    'planes.b.endpointOverride',
    /expected host:port of its Service/,
  ],
];

test.each(rows)('%s', (_what, planes, path, says) => {
  expect(flowFaults(planes)).toContainEqual({ path, says: expect.stringMatching(says) });
});

test('an API at a port that no upstream is opened at is out of reach', () => {
  expect(flowFaults(onA({ upstreamCidrs: [{ cidr: '10.0.0.0/8', ports: [8080] }] }))).toEqual([]);
});
