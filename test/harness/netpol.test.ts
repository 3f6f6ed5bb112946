// The evaluator against what the Kubernetes documentation says of its own examples (Concepts, "Network Policies"; API reference).

import { expect, test } from 'vitest';
import { type Address, type Labels, networkOf, type Pod } from './netpol.ts';

const pod = (namespace: string, labels: Labels, more: Partial<Pod> = {}): Pod => ({
  kind: 'pod',
  namespace,
  labels,
  ...more,
});
const address = (ip: string, more: Partial<Address> = {}): Address => ({ kind: 'address', ip, ...more });
const policy = (spec: object, name = 'p', namespace = 'default') => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace },
  spec,
});
const namespaces = { default: {}, other: {}, mine: { project: 'myproject' } };
const network = (...policies: object[]) => networkOf({ namespaces, policies });

const db = pod('default', { role: 'db' }, { ports: [{ name: 'redis', port: 6379 }], node: 'node-1' });
const frontend = pod('default', { role: 'frontend' });
const stranger = pod('other', { role: 'frontend' });
const redis = { port: 6379 };

/** The example that the page opens with. */
const example = policy({
  podSelector: { matchLabels: { role: 'db' } },
  policyTypes: ['Ingress', 'Egress'],
  ingress: [
    {
      from: [
        { ipBlock: { cidr: '172.17.0.0/16', except: ['172.17.1.0/24'] } },
        { namespaceSelector: { matchLabels: { project: 'myproject' } } },
        { podSelector: { matchLabels: { role: 'frontend' } } },
      ],
      ports: [{ protocol: 'TCP', port: 6379 }],
    },
  ],
  egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/24' } }], ports: [{ protocol: 'TCP', port: 5978 }] }],
});

test('the example: who reaches port 6379 of role=db', () => {
  const can = network(example);
  expect(can(frontend, db, redis)).toBe(true);
  expect(can(pod('mine', {}), db, redis)).toBe(true);
  expect(can(address('172.17.0.9'), db, redis)).toBe(true);
  expect(can(address('172.17.2.9'), db, redis)).toBe(true);
  expect(can(address('172.17.1.9'), db, redis)).toBe(false);
  expect(can(address('172.18.0.9'), db, redis)).toBe(false);
  expect(can(stranger, db, redis)).toBe(false);
  expect(can(pod('default', {}), db, redis)).toBe(false);
  expect(can(frontend, db, { port: 6380 })).toBe(false);
  expect(can(frontend, db, { port: 6379, protocol: 'UDP' })).toBe(false);
});

test('the example: where role=db goes, and that others stay free', () => {
  const can = network(example);
  expect(can(db, address('10.0.0.7'), { port: 5978 })).toBe(true);
  expect(can(db, address('10.0.0.7'), { port: 5979 })).toBe(false);
  expect(can(db, address('10.0.1.7'), { port: 5978 })).toBe(false);
  expect(can(db, frontend, { port: 5978 })).toBe(false);
  expect(can(stranger, frontend, { port: 1 })).toBe(true);
});

test('two selectors in one element must both hold; in two elements either does', () => {
  const namespaceSelector = { matchLabels: { project: 'myproject' } };
  const podSelector = { matchLabels: { role: 'client' } };
  const from = (peers: object[]) => network(policy({ podSelector: {}, ingress: [{ from: peers }] }));
  const both = from([{ namespaceSelector, podSelector }]);
  const either = from([{ namespaceSelector }, { podSelector }]);
  const [full, onlyNamespace, onlyPod] = [
    pod('mine', { role: 'client' }),
    pod('mine', {}),
    pod('default', { role: 'client' }),
  ];
  expect([full, onlyNamespace, onlyPod].map((one) => both(one, db, redis))).toEqual([true, false, false]);
  expect([full, onlyNamespace, onlyPod].map((one) => either(one, db, redis))).toEqual([true, true, true]);
});

test('default deny and allow all, a direction each', () => {
  const denyIn = policy({ podSelector: {}, policyTypes: ['Ingress'] });
  const denyOut = policy({ podSelector: {}, policyTypes: ['Egress'] });
  const allowIn = policy({ podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] });
  expect(network(denyIn)(stranger, db, redis)).toBe(false);
  expect(network(denyIn)(db, stranger, redis)).toBe(true);
  expect(network(denyOut)(db, stranger, redis)).toBe(false);
  expect(network(denyOut)(stranger, db, redis)).toBe(true);
  expect(network(denyIn, allowIn)(stranger, db, redis)).toBe(true);
  expect(network(denyOut, allowIn)(frontend, db, redis)).toBe(false);
});

test('without policyTypes: Ingress always, Egress only where it has rules', () => {
  const nothing = network(policy({ podSelector: {} }));
  expect([nothing(stranger, db, redis), nothing(db, stranger, redis)]).toEqual([false, true]);
  const out = network(policy({ podSelector: {}, egress: [{ ports: [{ port: 53, protocol: 'UDP' }] }] }));
  expect([out(stranger, db, redis), out(db, stranger, redis)]).toEqual([false, false]);
  expect(out(db, stranger, { port: 53, protocol: 'UDP' })).toBe(true);
});

test('both ends must allow: an egress rule opens nothing at an isolated destination', () => {
  const out = policy({ podSelector: {}, policyTypes: ['Egress'], egress: [{}] });
  expect(network(out)(db, stranger, redis)).toBe(true);
  const closed = policy({ podSelector: {}, policyTypes: ['Ingress'] }, 'closed', 'other');
  expect(network(out, closed)(db, stranger, redis)).toBe(false);
});

test('an empty list of peers is everyone, an empty list of rules is nobody', () => {
  expect(network(policy({ podSelector: {}, ingress: [{ from: [] }] }))(address('8.8.8.8'), db, redis)).toBe(true);
  expect(network(policy({ podSelector: {}, ingress: [] }))(address('8.8.8.8'), db, redis)).toBe(false);
});

test('ranges of ports and named ports', () => {
  const ports = (...list: object[]) => network(policy({ podSelector: {}, ingress: [{ ports: list }] }));
  const range = ports({ protocol: 'TCP', port: 32_000, endPort: 32_768 });
  expect([31_999, 32_000, 32_768, 32_769].map((port) => range(frontend, db, { port }))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  const named = ports({ port: 'redis' });
  expect(named(frontend, db, redis)).toBe(true);
  expect(named(frontend, db, { port: 6380 })).toBe(false);
  expect(named(frontend, pod('default', {}), redis)).toBe(false);
  const out = network(policy({ podSelector: {}, policyTypes: ['Egress'], egress: [{ ports: [{ port: 'redis' }] }] }));
  expect(out(frontend, db, redis)).toBe(true);
  expect(out(frontend, address('10.0.0.1'), redis)).toBe(false);
  expect(ports({ protocol: 'UDP' })(frontend, db, redis)).toBe(false);
  expect(ports({})(frontend, db, { port: 1 })).toBe(true);
});

test('matchExpressions, on namespaces by the name that the API server writes', () => {
  const from = (namespaceSelector: object) =>
    network(policy({ podSelector: {}, ingress: [{ from: [{ namespaceSelector }] }] }));
  const key = 'kubernetes.io/metadata.name';
  const inList = from({ matchExpressions: [{ key, operator: 'In', values: ['other', 'mine'] }] });
  expect([frontend, stranger].map((one) => inList(one, db, redis))).toEqual([false, true]);
  const notIn = from({ matchExpressions: [{ key: 'project', operator: 'NotIn', values: ['myproject'] }] });
  expect([stranger, pod('mine', {})].map((one) => notIn(one, db, redis))).toEqual([true, false]);
  const exists = from({ matchExpressions: [{ key: 'project', operator: 'Exists' }] });
  expect([stranger, pod('mine', {})].map((one) => exists(one, db, redis))).toEqual([false, true]);
  const absent = from({ matchExpressions: [{ key: 'project', operator: 'DoesNotExist' }] });
  expect([stranger, pod('mine', {})].map((one) => absent(one, db, redis))).toEqual([true, false]);
  expect(from({})(stranger, db, redis)).toBe(true);
  expect(from({})(address('10.0.0.1'), db, redis)).toBe(false);
});

test('a pod reaches itself, and its node reaches it; another node is an address', () => {
  const deny = network(policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }));
  expect(deny(db, db, redis)).toBe(true);
  expect(deny(address('192.168.0.1', { node: 'node-1' }), db, redis)).toBe(true);
  expect(deny(db, address('192.168.0.1', { node: 'node-1' }), redis)).toBe(true);
  expect(deny(address('192.168.0.2', { node: 'node-2' }), db, redis)).toBe(false);
});

test('an ipBlock matches a pod only where pods have addresses', () => {
  const can = network(policy({ podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }] }));
  expect(can(frontend, db, redis)).toBe(false);
  expect(can({ ...frontend, ip: '10.1.0.4' }, db, redis)).toBe(true);
  expect(can(address('fd00::1'), db, redis)).toBe(false);
});

test.each([
  ['an unknown field', { podSelector: {}, ingres: [] }],
  ['except outside of cidr', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/24', except: ['10.0.1.0/25'] } }] }] }],
  ['except as wide as cidr', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/24', except: ['10.0.0.0/24'] } }] }] }],
  ['ipBlock beside a selector', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/24' }, podSelector: {} }] }] }],
  ['a peer that says nothing', { ingress: [{ from: [{}] }] }],
  ['endPort below port', { ingress: [{ ports: [{ port: 10, endPort: 9 }] }] }],
  ['endPort after a name', { ingress: [{ ports: [{ port: 'redis', endPort: 9 }] }] }],
  ['`to` in an ingress rule', { ingress: [{ to: [] }] }],
])('refused, as an API server does: %s', (_what, spec) => {
  expect(() => network(policy(spec))).toThrow();
});
