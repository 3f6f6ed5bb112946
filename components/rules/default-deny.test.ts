import { expect, test } from 'vitest';
import { declared, denyAll, deployment, gatewayPod, gatewayPolicy, type Value } from '../test/manifests.ts';
import { type Declared, defaultDeny, notYetKnown } from './index.ts';

const policy = (spec: Value, namespace: unknown = 'portolan-aws'): Declared =>
  declared('kubernetes:networking.k8s.io/v1:NetworkPolicy', { metadata: { namespace }, spec });
const pod = (namespace?: unknown): Declared =>
  declared('kubernetes:core/v1:Pod', { metadata: { namespace }, spec: gatewayPod() });

test.each<[string, Declared[]]>([
  ['both directions by one policy', [deployment(), denyAll()]],
  [
    'a policy for each direction',
    [
      deployment(),
      policy({ podSelector: {}, policyTypes: ['Ingress'] }),
      policy({ podSelector: {}, policyTypes: ['Egress'] }),
    ],
  ],
  [
    'empty lists of rules',
    [
      deployment(),
      policy({ podSelector: { matchLabels: {} }, policyTypes: ['Ingress', 'Egress'], ingress: [], egress: [] }),
    ],
  ],
  [
    'policies that open ports to peers',
    [deployment(), denyAll(), gatewayPolicy('aws', 'x', { egress: [{ ports: [{ port: 53 }] }] })],
  ],
  ['a namespace without pods', [declared('kubernetes:core/v1:Namespace', { metadata: { name: 'empty' } })]],
  [
    'pods without a namespace, and their policy',
    [pod(), policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }, null)],
  ],
  ['a namespace that only an update knows', [pod(notYetKnown)]],
  [
    'a policy whose namespace only an update knows',
    [deployment(), policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }, notYetKnown)],
  ],
  [
    'one namespace in two clusters, each with its policy',
    ['a', 'b'].flatMap((cluster) => [deployment(), denyAll()].map((one) => ({ ...one, cluster }))),
  ],
])('passes: %s', (_what, resources) => {
  expect(defaultDeny(resources)).toEqual([]);
});

test.each<[string, Declared[], RegExp]>([
  ['no policy at all', [deployment()], /portolan-aws that denies Ingress and Egress/],
  ['one direction', [deployment(), policy({ podSelector: {}, policyTypes: ['Ingress'] })], /denies Egress by/],
  ['no policyTypes, which is ingress', [deployment(), policy({ podSelector: {} })], /denies Egress by/],
  [
    'a policy for some pods',
    [deployment(), policy({ podSelector: { matchLabels: { a: 'b' } }, policyTypes: ['Ingress', 'Egress'] })],
    /denies Ingress and Egress/,
  ],
  ['a policy of another namespace', [deployment(), denyAll('azure')], /portolan-aws/],
  [
    'a policy of another cluster',
    [
      { ...deployment(), cluster: 'a' },
      { ...denyAll(), cluster: 'b' },
    ],
    /portolan-aws/,
  ],
  [
    'a policy with rules is no denial',
    [
      deployment(),
      policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress'], egress: [{ to: [{ podSelector: {} }] }] }),
    ],
    /denies Egress by/,
  ],
  ['pods in the namespace default', [pod()], /namespace default/],
])('stops: %s', (_what, resources, expected) => {
  const found = defaultDeny(resources);
  expect(found).toHaveLength(1);
  expect(found[0]?.expected).toMatch(expected);
});

test('stops a rule that opens everything again', () => {
  const found = defaultDeny([
    deployment(),
    denyAll(),
    gatewayPolicy('aws', 'x', { egress: [{}], ingress: [{ from: [], ports: [] }] }),
  ]);
  expect(found.map(({ path }) => path)).toEqual(['spec.ingress[0]', 'spec.egress[0]']);
});

test('each namespace is told once, however many pods it has', () => {
  expect(defaultDeny([deployment(), deployment(), pod('portolan-aws')])).toHaveLength(1);
});
