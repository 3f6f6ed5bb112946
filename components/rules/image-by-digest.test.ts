import { ArgumentError } from '@portolan/provider';
import { describe, expect, test } from 'vitest';
import { declared, deployment, digest, gatewayPod, image } from '../test/manifests.ts';
import { expectDigest, expectNoViolation } from './expect.ts';
import { imageByDigest, notYetKnown } from './index.ts';

const paths = (reference: unknown) =>
  imageByDigest(deployment(gatewayPod({ container: { image: reference } }))).map(({ path }) => path);

test.each([
  ['a reference by digest', image],
  ['with a tag too, which then says nothing', `registry.example.com:5000/gateway:1.2@${digest}`],
  ['on Docker Hub, without a host', `gateway@${digest}`],
  ['one that only an update knows', notYetKnown],
])('passes: %s', (_what, reference) => {
  expect(paths(reference)).toEqual([]);
});

test.each([
  ['a tag', 'registry.example.com/portolan/gateway:1.2.3'],
  ['nothing, which is latest', 'gateway'],
  ['no image at all', undefined],
  ['a digest cut short', image.slice(0, -1)],
  ['a digest one too long', `${image}0`],
  ['a digest in capitals', image.toUpperCase()],
  ['another algorithm', `gateway@sha512:${'a'.repeat(128)}`],
  ['a digest as a tag', `gateway:${digest}`],
  ['a line after it', `${image}\n`],
  ['no string', 7],
])('stops: %s', (_what, reference) => {
  expect(paths(reference)).toEqual(['spec.template.spec.containers[0].image']);
});

const tagged = { containers: [{ name: 'it', image: 'gateway:1' }] };
test.each([
  ['Pod', 'kubernetes:core/v1:Pod', { spec: tagged }, 'spec.containers[0].image'],
  ['a patch of one', 'kubernetes:core/v1:PodPatch', { spec: tagged }, 'spec.containers[0].image'],
  [
    'StatefulSet',
    'kubernetes:apps/v1:StatefulSet',
    { spec: { template: { spec: tagged } } },
    'spec.template.spec.containers[0].image',
  ],
  [
    'DaemonSet',
    'kubernetes:apps/v1:DaemonSet',
    { spec: { template: { spec: tagged } } },
    'spec.template.spec.containers[0].image',
  ],
  [
    'Job',
    'kubernetes:batch/v1:Job',
    { spec: { template: { spec: tagged } } },
    'spec.template.spec.containers[0].image',
  ],
  [
    'CronJob',
    'kubernetes:batch/v1:CronJob',
    { spec: { jobTemplate: { spec: { template: { spec: tagged } } } } },
    'spec.jobTemplate.spec.template.spec.containers[0].image',
  ],
  [
    'a list',
    'kubernetes:apps/v1:DeploymentList',
    { items: [{ spec: { template: { spec: tagged } } }] },
    'items[0].spec.template.spec.containers[0].image',
  ],
  [
    'an init container',
    'kubernetes:core/v1:Pod',
    { spec: { initContainers: tagged.containers } },
    'spec.initContainers[0].image',
  ],
  [
    'an image as a volume',
    'kubernetes:core/v1:Pod',
    { spec: { volumes: [{ name: 'x', image: { reference: 'tools:1' } }] } },
    'spec.volumes[0].image.reference',
  ],
])('is looked for in: %s', (_what, type, props, path) => {
  expect(imageByDigest(declared(type, props)).map((one) => one.path)).toEqual([path]);
});

test.each([
  ['what is no pod', 'kubernetes:core/v1:ConfigMap', { spec: tagged }],
  [
    'a custom resource, which the API server judges',
    'kubernetes:argoproj.io/v1alpha1:Rollout',
    { spec: { template: { spec: tagged } } },
  ],
  ['what is no object of Kubernetes', 'aws:ecs/taskDefinition:TaskDefinition', { spec: tagged }],
  ['props that are no object', 'kubernetes:core/v1:Pod', []],
])('passes: %s', (_what, type, props) => {
  expect(imageByDigest(declared(type, props as never))).toEqual([]);
});

describe('in a constructor', () => {
  const argument = 'KubernetesSite(onprem).images.gateway';

  test('a digest is handed back', () => {
    expect(expectDigest(argument, image)).toBe(image);
  });

  test('a tag is refused with the argument, what was expected, and the command that finds the digest', () => {
    const refused = () => expectDigest(argument, 'registry.example.com/gateway:1.2');
    expect(refused).toThrow(ArgumentError);
    expect(refused).toThrow(
      /^KubernetesSite\(onprem\)\.images\.gateway: expected an image by digest.*`crane digest registry\.example\.com\/gateway:1\.2`/s,
    );
  });

  test('what no shell should read is not put into a command', () => {
    expect(() => expectDigest(argument, 'x`id`')).toThrow(/`crane digest <image>:<tag>`/);
  });

  test('violations of any rule are told at once, and none is no error', () => {
    const found = imageByDigest(deployment(gatewayPod({ container: { image: 'a:1' } })));
    expect(() => expectNoViolation('KubernetesSite(onprem).transform', [...found, ...found])).toThrow(
      /^KubernetesSite\(onprem\)\.transform: Deployment\(it\)\.spec.*\nDeployment\(it\)\.spec/s,
    );
    expect(() => expectNoViolation('x', [])).not.toThrow();
  });
});
