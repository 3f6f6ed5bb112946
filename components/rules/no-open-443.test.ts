import { expect, test } from 'vitest';
import { gatewayPolicy, service, type Value } from '../test/manifests.ts';
import { noOpen443, notYetKnown } from './index.ts';
import { isWorld } from './no-open-443.ts';

const mark = { 'portolan.dev/public': 'true' };
const world = [{ ipBlock: { cidr: '0.0.0.0/0' } }];
const tls = [{ port: 8443 }];
const ingress = (rule: unknown, labelled: Value = {}) => gatewayPolicy('aws', 'in', { ingress: [rule] }, labelled);
const paths = (resource: Parameters<typeof noOpen443>[0]) => noOpen443(resource).map(({ path }) => path);

test.each([
  ['named networks', ingress({ from: [{ ipBlock: { cidr: '192.0.2.0/24' } }], ports: tls })],
  ['pods of the cluster, all of them', ingress({ from: [{ namespaceSelector: {} }], ports: tls })],
  ['the world, declared, to the TLS port', ingress({ from: world, ports: tls }, mark)],
  [
    'the world, declared, by the names of the ports',
    ingress({ from: world, ports: [{ port: 'tls' }, { port: 'nats' }] }, mark),
  ],
  ['the world going out', gatewayPolicy('aws', 'out', { egress: [{ to: world, ports: [{ port: 443 }] }] })],
  ['ports that only an update knows, declared', ingress({ from: world, ports: notYetKnown }, mark)],
  ['peers that only an update knows', ingress({ from: notYetKnown, ports: tls })],
  ['a mark that only an update knows', ingress({ from: world, ports: tls }, { 'portolan.dev/public': notYetKnown })],
  ['a balancer with source ranges', service()],
  ['a balancer, declared', service({ loadBalancerSourceRanges: [] }, { annotations: mark })],
  ['source ranges that only an update knows', service({ loadBalancerSourceRanges: notYetKnown })],
  [
    'source ranges in Azure’s words',
    service(
      { loadBalancerSourceRanges: undefined },
      { annotations: { 'service.beta.kubernetes.io/azure-allowed-ip-ranges': '192.0.2.0/24,198.51.100.0/24' } },
    ),
  ],
  [
    'a balancer inside the network',
    service(
      { loadBalancerSourceRanges: undefined },
      { annotations: { 'networking.gke.io/load-balancer-type': 'Internal' } },
    ),
  ],
  ['a Service inside the cluster', service({ type: 'ClusterIP', loadBalancerSourceRanges: undefined })],
])('passes: %s', (_what, resource) => {
  expect(paths(resource)).toEqual([]);
});

test.each([
  ['the world', ingress({ from: world, ports: tls }), 'spec.ingress[0].from'],
  ['the world of IPv6', ingress({ from: [{ ipBlock: { cidr: '::/0' } }], ports: tls }), 'spec.ingress[0].from'],
  [
    'the world but a network',
    ingress({ from: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] } }], ports: tls }),
    'spec.ingress[0].from',
  ],
  ['half of the world', ingress({ from: [{ ipBlock: { cidr: '128.0.0.0/1' } }], ports: tls }), 'spec.ingress[0].from'],
  ['the world beside others', ingress({ from: [{ podSelector: {} }, ...world], ports: tls }), 'spec.ingress[0].from'],
  ['everyone, by leaving them out', ingress({ ports: tls }), 'spec.ingress[0]'],
  ['everyone, by an empty list', ingress({ from: [], ports: tls }), 'spec.ingress[0]'],
  ['another port', ingress({ from: world, ports: [{ port: 9090 }] }), 'spec.ingress[0].from'],
  [
    'another port, declared',
    ingress({ from: world, ports: [{ port: 8443 }, { port: 9090 }] }, mark),
    'spec.ingress[0].from',
  ],
  ['every port, declared', ingress({ from: world }, mark), 'spec.ingress[0].from'],
  [
    'a range of ports, declared',
    ingress({ from: world, ports: [{ port: 443, endPort: 9000 }] }, mark),
    'spec.ingress[0].from',
  ],
  [
    'a mark that says something else',
    ingress({ from: world, ports: tls }, { 'portolan.dev/public': 'yes' }),
    'spec.ingress[0].from',
  ],
  [
    'a balancer without source ranges',
    service({ loadBalancerSourceRanges: undefined }),
    'spec.loadBalancerSourceRanges',
  ],
  ['an empty list of them', service({ loadBalancerSourceRanges: [] }), 'spec.loadBalancerSourceRanges'],
  [
    'the world among them',
    service({ loadBalancerSourceRanges: ['192.0.2.0/24', '0.0.0.0/0'] }),
    'spec.loadBalancerSourceRanges',
  ],
  [
    'the world in Azure’s words',
    service(
      { loadBalancerSourceRanges: undefined },
      { annotations: { 'service.beta.kubernetes.io/azure-allowed-ip-ranges': '192.0.2.0/24,0.0.0.0/0' } },
    ),
    'spec.loadBalancerSourceRanges',
  ],
  [
    'a balancer that is not quite internal',
    service(
      { loadBalancerSourceRanges: undefined },
      { annotations: { 'service.beta.kubernetes.io/aws-load-balancer-scheme': 'internet-facing' } },
    ),
    'spec.loadBalancerSourceRanges',
  ],
])('stops: %s', (_what, resource, path) => {
  expect(paths(resource)).toEqual([path]);
});

test.each([
  ['0.0.0.0/0', true],
  ['::/0', true],
  ['0.0.0.0/1', true],
  ['2000::/3', true],
  ['10.0.0.0/8', false],
  ['2001:db8::/32', false],
  ['192.0.2.7/32', false],
  ['not a block', false],
  [undefined, false],
])('%s is the world: %s', (cidr, is) => {
  expect(isWorld(cidr)).toBe(is);
});
