/** What the provider decides without a cluster: drift, replacement, configuration, readiness, foresight. */
import { expect, test } from 'vitest';
import { unknown } from '../../../../provider/wire.ts';
import { checkConfig, configOf, isOtherCluster } from './config.ts';
import { liveInputs } from './drift.ts';
import { foreseenAfter, foreseenNew, known } from './foresight.ts';
import { identityOf, typeOf } from './identity.ts';
import { verdictOf } from './readiness.ts';
import { replaceOn, replaces } from './replacement.ts';

const container = (more: object) => ({ spec: { containers: [{ name: 'a', ...more }] } });

test.each([
  ['what the server adds', { spec: { replicas: 2 } }, { spec: { replicas: 2, minReadySeconds: 0 }, status: {} }],
  [
    'the order of named items, and items of others',
    { spec: { volumes: [{ name: 'b' }, { name: 'a' }] } },
    { spec: { volumes: [{ name: 'a', emptyDir: {} }, { name: 'x' }, { name: 'b' }] } },
  ],
  [
    'a volume that is mounted twice',
    container({
      volumeMounts: [
        { name: 'v', mountPath: '/a' },
        { name: 'v', mountPath: '/b' },
      ],
    }),
    container({
      volumeMounts: [
        { name: 'v', mountPath: '/b' },
        { name: 'v', mountPath: '/a' },
      ],
    }),
  ],
  [
    'quantities written in another way',
    container({ resources: { limits: { cpu: '1000m', memory: '1024Mi' } } }),
    container({ resources: { limits: { cpu: '1', memory: '1Gi' } } }),
  ],
  [
    'what is empty and dropped',
    { spec: { egress: [], hostNetwork: false, podSelector: {} } },
    { spec: { podSelector: {} } },
  ],
  ['texts that the server keeps encoded', { stringData: { a: 'b' } }, { data: { a: 'Yg==' } }],
])('no drift: %s', (_name, inputs, live) => {
  expect(liveInputs(inputs, live)).toEqual(inputs);
});

test.each([
  ['a changed value', { spec: { replicas: 2 } }, { spec: { replicas: 1 } }, { spec: { replicas: 1 } }],
  ['a value that is gone', { data: { a: '1', b: '2' } }, { data: { a: '1' } }, { data: { a: '1' } }],
  [
    'an item that is gone',
    { spec: { ports: [{ name: 'a' }, { name: 'b' }] } },
    { spec: { ports: [{ name: 'b' }] } },
    { spec: { ports: [{ name: 'b' }] } },
  ],
  [
    'an item too many in a list without names',
    { spec: { from: ['10.0.0.0/8'] } },
    { spec: { from: ['10.0.0.0/8', '0.0.0.0/0'] } },
    { spec: { from: ['10.0.0.0/8', '0.0.0.0/0'] } },
  ],
  ['another secret', { stringData: { a: 'b' } }, { data: { a: 'Yw==' } }, { stringData: { a: 'c' } }],
])('drift: %s', (_name, inputs, live, expected) => {
  expect(liveInputs(inputs, live)).toEqual(expected);
});

const strict = { configMapsMutable: false, secretsMutable: false };
test.each([
  ['batch/v1', 'Job', 'spec.template.spec.containers[0].image', strict, false, true],
  ['batch/v1', 'Job', 'spec.backoffLimit', strict, false, false],
  ['apps/v1', 'Deployment', 'spec.template.spec.containers[0].image', strict, false, false],
  ['apps/v1', 'StatefulSet', 'spec.volumeClaimTemplates[0].spec.storageClassName', strict, false, true],
  ['apps/v1', 'StatefulSet', 'spec.replicas', strict, false, false],
  ['v1', 'Service', 'spec.clusterIP', strict, false, true],
  ['v1', 'Secret', 'stringData.password', strict, false, true],
  ['v1', 'Secret', 'stringData.password', { ...strict, secretsMutable: true }, false, false],
  ['v1', 'ConfigMap', 'data["config.yaml"]', { ...strict, configMapsMutable: true }, false, false],
  ['v1', 'ConfigMap', 'data["config.yaml"]', { ...strict, configMapsMutable: true }, true, true],
  ['v1', 'Namespace', 'metadata.name', strict, false, true],
  ['v1', 'Namespace', 'metadata.labels.a', strict, false, false],
])('%s %s: whether a change of %s replaces it', (apiVersion, kind, path, config, immutable, expected) => {
  expect(replaces(path, replaceOn({ apiVersion, kind }, config, immutable))).toBe(expected);
});

const kubeconfig = (change: object = {}, server = 'https://one.example') =>
  JSON.stringify({
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: { token: 'hush' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'n' } }],
    'current-context': 'x',
    ...change,
  });

test('a kubeconfig by its contents', () => {
  expect(configOf({ kubeconfig: kubeconfig() })).toMatchObject({
    access: { server: 'https://one.example', token: 'hush' },
    cluster: 'https://one.example (context x)',
    namespace: 'n',
  });
});

test.each([
  ['another context than there is', { kubeconfig: kubeconfig(), context: 'y' }, /there is no context y; there is x/],
  ['a command as user', { kubeconfig: kubeconfig({ users: [{ name: 'u', user: { exec: {} } }] }) }, /by a command/],
  ['no kubeconfig', {}, /no kubeconfig is given/],
  ['no YAML', { kubeconfig: '{ "token": "hush"' }, /it is no YAML$/],
  ['an option that there is not', { kubeconfig: kubeconfig(), kubeConfig: 'x' }, /there is no such option/],
  ['an option that is not played', { kubeconfig: kubeconfig(), renderYamlToDirectory: 'x' }, /does not play/],
])('a configuration is refused: %s', (_name, values, reason) => {
  const said = checkConfig(values)
    .map((one) => one.reason)
    .join('\n');
  expect(said).toMatch(reason);
  expect(said).not.toContain('hush');
});

test('another cluster replaces all; another token or what is not known yet does not', () => {
  const olds = { kubeconfig: kubeconfig() };
  expect(isOtherCluster(olds, { kubeconfig: kubeconfig({}, 'https://two.example') })).toBe(true);
  expect(isOtherCluster(olds, { kubeconfig: kubeconfig({ users: [{ name: 'u', user: { token: 'new' } }] }) })).toBe(
    false,
  );
  expect(isOtherCluster(olds, { kubeconfig: unknown })).toBe(false);
  const named = { clusterIdentifier: 'a' };
  expect(isOtherCluster({ ...olds, ...named }, { kubeconfig: kubeconfig({}, 'https://two.example'), ...named })).toBe(
    false,
  );
});

test.each([
  ['kubernetes:core/v1:Secret', 'v1', 'Secret'],
  ['kubernetes:apps/v1:Deployment', 'apps/v1', 'Deployment'],
  ['kubernetes:monitoring.coreos.com/v1:PodMonitor', 'monitoring.coreos.com/v1', 'PodMonitor'],
])('%s', (token, apiVersion, kind) => {
  expect(typeOf(token)).toEqual({ apiVersion, kind });
  expect(identityOf(token, { metadata: { name: unknown } })).toMatchObject({ name: '', namespace: undefined });
});

test.each([
  'kubernetes:helm.sh/v4:Chart',
  'kubernetes:yaml/v2:ConfigGroup',
  'kubernetes:core/v1:PodList',
  'kubernetes:core/v1:ConfigMapPatch',
])('%s is not played', (token) => {
  expect(() => typeOf(token)).toThrow(/single objects only/);
});

const live = (kind: string, spec: object, status: object, annotations = {}) =>
  verdictOf({ apiVersion: 'v1', kind, metadata: { name: 'a', generation: 2, annotations }, spec, status });

test.each([
  [
    'a Deployment that its controller has not seen',
    live('Deployment', {}, { observedGeneration: 1, availableReplicas: 1, updatedReplicas: 1 }),
    false,
  ],
  [
    'a Deployment with an old pod left',
    live('Deployment', {}, { observedGeneration: 2, availableReplicas: 2, updatedReplicas: 1, replicas: 2 }),
    false,
  ],
  [
    'a Deployment that is there',
    live('Deployment', {}, { observedGeneration: 2, availableReplicas: 1, updatedReplicas: 1, replicas: 1 }),
    true,
  ],
  ['a Job that runs', live('Job', {}, { active: 1 }), false],
  ['a Job that completed', live('Job', {}, { conditions: [{ type: 'Complete', status: 'True' }] }), true],
  ['a balancer without an address', live('Service', { type: 'LoadBalancer' }, { loadBalancer: {} }), false],
  ['one that nobody awaits', live('Service', { type: 'LoadBalancer' }, {}, { 'pulumi.com/skipAwait': 'true' }), true],
  [
    'a StatefulSet half updated',
    live(
      'StatefulSet',
      { replicas: 3 },
      { observedGeneration: 2, readyReplicas: 3, updatedReplicas: 1, currentRevision: 'a', updateRevision: 'b' },
    ),
    false,
  ],
])('ready or not: %s', (_name, verdict, expected) => {
  expect(verdict.ready).toBe(expected);
});

test('a Job that failed will never be ready', () => {
  const verdict = live('Job', {}, { conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }] });
  expect(verdict).toMatchObject({ ready: false, final: true, why: 'it failed: BackoffLimitExceeded' });
});

test('a preview knows what is given, and says unknown to what the server gives', () => {
  const inputs = { kind: 'Service', metadata: { name: 'a' }, spec: { type: 'LoadBalancer' } };
  expect(foreseenNew(inputs)).toMatchObject({
    spec: { clusterIP: unknown },
    status: unknown,
    metadata: { name: 'a', uid: unknown },
  });
  const olds = {
    ...inputs,
    spec: { clusterIP: '10.96.0.9' },
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } },
  };
  expect(foreseenAfter(olds, inputs)).toMatchObject({
    spec: { clusterIP: '10.96.0.9', type: 'LoadBalancer' },
    status: olds.status,
  });
  expect(known({ a: unknown, b: [unknown, { c: 1, d: unknown }] })).toEqual({ b: [{ c: 1 }] });
});
