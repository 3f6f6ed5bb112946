/** Rules are asked about whatever a program declares, so no shape of it may stop them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  defaultDeny,
  imageByDigest,
  meshMutualTls,
  noKeyMaterial,
  noOpen443,
  noPlainSecret,
  notYetKnown,
  type ResourceRule,
  restrictedPods,
  symmetricMatrix,
} from './index.ts';

const rules: readonly [string, ResourceRule][] = [
  ['image-by-digest', imageByDigest],
  ['restricted-pods', restrictedPods],
  ['no-plain-secret', noPlainSecret],
  ['no-key-material', noKeyMaterial],
  ['mesh-mutual-tls', meshMutualTls],
  ['no-open-443', noOpen443],
  ['default-deny', (one) => defaultDeny([one])],
  ['symmetric-matrix', (one) => symmetricMatrix([one])],
];

const types = [
  'kubernetes:core/v1:Pod',
  'kubernetes:core/v1:Secret',
  'kubernetes:core/v1:Service',
  'kubernetes:core/v1:ConfigMap',
  'kubernetes:apps/v1:Deployment',
  'kubernetes:apps/v1:DeploymentList',
  'kubernetes:networking.k8s.io/v1:NetworkPolicy',
  'kubernetes:networking.k8s.io/v1:Ingress',
  'portolan:registry:PeerMatrix',
  'pulumi:providers:kubernetes',
  '',
];

/** Keys that rules look for, so that values of wrong shapes stand where they read. */
const keys = fc.constantFrom(
  ...['metadata', 'spec', 'template', 'data', 'labels', 'annotations', 'namespace', 'name', 'type', 'ports', 'items'],
  ...['containers', 'volumes', 'image', 'env', 'securityContext', 'capabilities', 'drop', 'podSelector', 'matchLabels'],
  ...['policyTypes', 'ingress', 'egress', 'from', 'to', 'ipBlock', 'cidr', 'pairs', 'kubeconfig', 'kind', 'stringData'],
);
const leaf = fc.oneof(
  fc.constantFrom<unknown>(notYetKnown, null, undefined, 0, '', true, '{"gateway":[]}', 'cluster {', '0.0.0.0/0'),
  fc.string(),
  fc.json(),
);
const { value: shapes } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 6 }),
  ),
}));

describe.each(rules)('%s', (_name, rule) => {
  test('judges any value', () => {
    fc.assert(
      fc.property(fc.constantFrom(...types), shapes, (type, props) => {
        for (const found of rule({ type, name: 'it', props })) expect(found.expected).not.toBe('');
      }),
      { numRuns: 500 },
    );
  });

  test('reads long text in one go', () => {
    const sizes = ['a', '[', '{"a":', '://', 'A+', 'tls {', '-----BEGIN '].map((one) =>
      one.repeat(200_000 / one.length),
    );
    for (const text of sizes)
      for (const type of ['kubernetes:core/v1:ConfigMap', 'pulumi:providers:kubernetes'])
        expect(
          rule({ type, name: 'it', props: { kubeconfig: text, data: { 'nats.conf': text } } }).length,
        ).toBeLessThan(9);
  });
});
