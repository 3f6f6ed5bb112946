import fc from 'fast-check';
import { expect, test } from 'vitest';
import { peerPairs } from '../mesh/peer-pairs.ts';
import {
  denyAll,
  deployment,
  gatewayPod,
  gatewayPolicy,
  peerMatrix,
  peerPolicy,
  type Value,
} from '../test/manifests.ts';
import { type Declared, notYetKnown, symmetricMatrix } from './index.ts';

const says = (resources: readonly Declared[]) =>
  symmetricMatrix(resources).map(({ path, expected }) => `${path} ${expected}`);
const both = [peerPolicy('aws', 'azure'), peerPolicy('azure', 'aws')];
const matrix = peerMatrix(['aws', 'azure']);
const ports = [{ port: 8443 }];
const address = (cidr: string) => [{ ipBlock: { cidr } }];
/** As to gateways of other clusters, in one policy. */
const byAddress = (plane: string, spec: Value = {}) =>
  gatewayPolicy(plane, 'peers', {
    ingress: [{ from: address('198.51.100.7/32'), ports }],
    egress: [{ to: address('192.0.2.7/32'), ports: [{ port: 443 }] }],
    ...spec,
  });
/** As our flows are rendered: one policy for each end of each direction. */
const flow = (from: string, to: string, spec: { in?: Value; out?: Value } = {}) => [
  gatewayPolicy(from, `calls.${from}.${to}.out`, {
    policyTypes: ['Egress'],
    egress: [{ to: address('192.0.2.7/32'), ports: [{ port: 443 }] }],
    ...spec.out,
  }),
  gatewayPolicy(to, `calls.${from}.${to}.in`, {
    policyTypes: ['Ingress'],
    ingress: [{ from: address('198.51.100.7/32'), ports }],
    ...spec.in,
  }),
];
const flows = [...flow('aws', 'azure'), ...flow('azure', 'aws')];

test.each<[string, Declared[]]>([
  ['nothing', []],
  ['a matrix of gateways that run elsewhere', [matrix]],
  [
    'a gateway alone',
    [denyAll(), deployment(), gatewayPolicy('aws', 'x', { egress: [{ ports: [{ port: 53 }] }] }), peerMatrix()],
  ],
  ['one cluster, both ends', [matrix, ...both]],
  ['both ends, and the matrix in another program', both],
  ['two clusters, by address', [matrix, byAddress('aws'), byAddress('azure')]],
  ['two clusters, each rule by its name', [matrix, ...flows]],
  [
    'flows whose addresses are not known yet',
    [matrix, ...flow('aws', 'azure', { in: { ingress: [] }, out: { egress: [] } }), ...flow('azure', 'aws')],
  ],
  [
    'flows of which nothing is known yet',
    [matrix, ...flows.map((one) => ({ ...one, props: { ...(one.props as Value), spec: notYetKnown } }))],
  ],
  [
    'the end that is here, of a pair whose other gateway runs elsewhere',
    [matrix, deployment(), flows[0], flows[3]].filter((one) => one !== undefined),
  ],
  [
    'ends over several policies',
    [
      matrix,
      ...(['ingress', 'egress'] as const).flatMap((key) => [
        peerPolicy('aws', 'azure', { [key]: [] }),
        peerPolicy('azure', 'aws', { [key]: [] }),
      ]),
    ],
  ],
  ['one end here, the other’s policies elsewhere', [matrix, peerPolicy('aws', 'azure')]],
  [
    'ports by name, and in a range',
    [
      matrix,
      ...both.map((one) => ({ ...one })),
      byAddress('aws', { ingress: [{ from: address('192.0.2.1/32'), ports: [{ port: 8000, endPort: 9000 }] }] }),
    ],
  ],
  [
    'rules between the two for another port',
    [
      peerMatrix(),
      gatewayPolicy('aws', 'x', {
        egress: [
          {
            to: [
              {
                podSelector: {
                  matchLabels: { 'app.kubernetes.io/name': 'gateway', 'app.kubernetes.io/instance': 'azure' },
                },
              },
            ],
            ports: [{ port: 9090 }],
          },
        ],
      }),
    ],
  ],
  [
    'a policy that only an update knows',
    [matrix, peerPolicy('aws', 'azure'), peerPolicy('azure', 'aws', { egress: notYetKnown })],
  ],
  ['a matrix that only an update knows', [peerMatrix(notYetKnown), ...both]],
])('passes: %s', (_what, resources) => {
  expect(says(resources)).toEqual([]);
});

test.each<[string, Declared[], RegExp[]]>([
  ['a gateway with itself', [peerMatrix(['aws', 'aws'])], [/^pairs\[0\] two different gateways/]],
  [
    'a pair twice, the other way round',
    [peerMatrix(['aws', 'azure'], ['azure', 'aws'])],
    [/^pairs\[1\] .*each pair once/],
  ],
  ['three in a pair', [peerMatrix(['aws', 'azure', 'gcp'])], [/^pairs\[0\] two different/]],
  [
    'no way in at one end',
    [matrix, peerPolicy('aws', 'azure'), peerPolicy('azure', 'aws', { ingress: [] })],
    [/^pairs\[0\] a NetworkPolicy of gateway azure to admit aws/],
  ],
  [
    'no way out at one end',
    [matrix, peerPolicy('aws', 'azure', { egress: [] }), peerPolicy('azure', 'aws')],
    [/gateway aws to let it call azure/],
  ],
  [
    'a way out that policyTypes do not speak of',
    [matrix, peerPolicy('aws', 'azure', { policyTypes: ['Ingress'] }), peerPolicy('azure', 'aws')],
    [/gateway aws to let it call azure/],
  ],
  [
    'ends for another port',
    [
      matrix,
      peerPolicy('aws', 'azure'),
      peerPolicy('azure', 'aws', { ingress: [{ from: [], ports: [{ port: 9090 }] }] }),
    ],
    [/gateway azure to admit aws/],
  ],
  [
    'no way in by address',
    [matrix, byAddress('aws', { ingress: [] }), byAddress('azure')],
    [/gateway aws to admit azure/],
  ],
  ['one end of a flow taken away', [matrix, ...flows.slice(1)], [/gateway aws to let it call azure/]],
  ['the other end', [matrix, ...flows.slice(0, 3)], [/gateway aws to admit azure/]],
  [
    'one direction only',
    [matrix, ...flow('aws', 'azure')],
    [/gateway azure to let it call aws/, /gateway aws to admit azure/],
  ],
  [
    'a name that its selector belies',
    [matrix, ...flows.slice(1), gatewayPolicy('gcp', 'calls.aws.azure.out', { egress: [] })],
    [/gateway aws to let it call azure/],
  ],
  [
    'flows between gateways that are no pair',
    [peerMatrix(), ...flows],
    Array(4).fill(/aws and azure to be a pair|azure and aws to be a pair/),
  ],
  [
    'gateways that run here without any policy',
    [matrix, deployment(), deployment(gatewayPod(), 'azure')],
    [/aws to let/, /azure to admit/, /azure to let/, /aws to admit/],
  ],
  [
    'rules between gateways that are no pair, and none for the pair',
    [peerMatrix(['aws', 'gcp']), ...both],
    [
      /aws to let it call gcp/,
      /aws to admit gcp/,
      ...Array(4).fill(/aws and azure to be a pair|azure and aws to be a pair/),
    ],
  ],
  [
    'one end, without any matrix',
    [peerPolicy('aws', 'azure', { ingress: [] }), byAddress('azure', { ingress: [] })],
    [/^spec\.egress\[0\] gateway azure to have the other end/],
  ],
])('stops: %s', (_what, resources, expected) => {
  const found = says(resources);
  expect(found).toHaveLength(expected.length);
  for (const [index, pattern] of expected.entries()) expect(found[index]).toMatch(pattern);
});

test('for any mesh: rendered at both ends it passes; with any one end taken away it does not', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(names, fc.nat(), fc.constantFrom('ingress', 'egress'), (planes, seed, key) => {
      const pairs = peerPairs(planes);
      const policies = pairs.flatMap(([first, second]) => [peerPolicy(first, second), peerPolicy(second, first)]);
      const declaredPairs = peerMatrix(...pairs);
      expect(says([declaredPairs, ...policies])).toEqual([]);
      const at = seed % policies.length;
      const [first, second] = pairs[Math.floor(at / 2)] ?? ['', ''];
      const shut = at % 2 === 0 ? peerPolicy(first, second, { [key]: [] }) : peerPolicy(second, first, { [key]: [] });
      expect(says([declaredPairs, ...policies.with(at, shut)])).toHaveLength(1);
    }),
  );
});
