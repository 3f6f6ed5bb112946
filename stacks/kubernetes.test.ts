/** Program `kubernetes` on mocks, with the settings that are in the repository: what it declares, and what it refuses. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Registered, record } from '../components/test/recorded-program.ts';
import { kubernetes } from './kubernetes.ts';

const dir = mkdtempSync(join(tmpdir(), 'portolan-kubernetes-'));
const kubeconfig = join(dir, 'kubeconfig');
beforeAll(() => writeFileSync(kubeconfig, ''));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// biome-ignore lint/suspicious/noExplicitAny: settings are changed in tests as a person's editor would
type Loose = any;

/** Settings of a stack in the repository, with a kubeconfig that is there. */
function settings(stack: 'dev' | 'onprem', change: (settings: Loose) => void = () => {}): Loose {
  const file = parse(readFileSync(join(import.meta.dirname, `Pulumi.${stack}.yaml`), 'utf8'), { merge: true });
  const own = Object.entries(file.config).map(([key, value]) => [key.split(':')[1], value]);
  const read = structuredClone(Object.fromEntries(own));
  for (const site of Object.values<Loose>(read.sites)) site.cluster.kubeconfig = kubeconfig;
  change(read);
  return read;
}

const short = ({ type, name }: Registered): string => `${type.split(':').at(-1)} ${name}`;
const named = (all: readonly Registered[], line: string): Loose => {
  const found = all.find((one) => short(one) === line);
  if (!found) throw new Error(`${line} is not among ${all.map(short).join(', ')}`);
  return found.inputs;
};

describe('stack dev', () => {
  test('is one namespace a plane, with all that a plane needs', async () => {
    const registered = await record(() => kubernetes(settings('dev')));
    expect(registered.map(short).sort()).toMatchSnapshot();
  });
});

describe('stack onprem', () => {
  test('every pod keeps the restricted standard, whatever it runs', async () => {
    const registered = await record(() => kubernetes(settings('onprem')));
    const templates = registered.map(({ inputs }) => inputs.spec?.template?.spec).filter((spec) => spec !== undefined);
    expect(templates).toHaveLength(7);
    for (const pod of templates) {
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      for (const one of [...(pod.initContainers ?? []), ...pod.containers])
        expect(one.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
          capabilities: { drop: ['ALL'] },
        });
    }
  });

  test('gateways wait longer for open calls than their pods may take to end', async () => {
    const registered = await record(() => kubernetes(settings('onprem')));
    const config = JSON.parse(named(registered, 'ConfigMap paris-config').data['config.yaml']);
    const { terminationGracePeriodSeconds } = named(registered, 'Deployment paris-deployment').spec.template.spec;
    const { drainDelayMs, drainTimeoutMs } = config.gateway.limits;
    expect(terminationGracePeriodSeconds * 1_000).toBeGreaterThan(drainDelayMs + drainTimeoutMs);
  });

  test('a gateway is registered with the identity of its pods, and holds no secret', async () => {
    const registered = await record(() => kubernetes(settings('onprem')));
    expect(named(registered, 'Gateway paris-entry')).toMatchObject({
      workloadIdentity: {
        issuer: 'https://kubernetes.default.svc.paris',
        audience: 'portolan:paris',
        namespace: 'portolan-paris',
        serviceAccount: 'gateway',
      },
    });
    expect(named(registered, 'Gateway paris-entry').enrolmentFile).toBeUndefined();
  });

  test('what is said of the state holds for every input: paths and names, no secret', async () => {
    const registered = await record(() => kubernetes(settings('onprem')));
    expect(registered.filter(({ type }) => type === 'kubernetes:core/v1:Secret')).toEqual([]);
  });
});

describe('bad settings are refused before anything is made', () => {
  const refusal = (change: (settings: Loose) => void, stack: 'dev' | 'onprem' = 'onprem') =>
    record(() => kubernetes(settings(stack, change))).then(
      () => 'not refused',
      (error: Error) => error.message,
    );

  test.each<[string, (settings: Loose) => void, RegExp]>([
    [
      'two gateways with one URL',
      (all) => (all.gateways.paris.url = all.gateways.berlin.url),
      /GatewayPlane\(paris\)\.url: "https:\/\/berlin-gw\.example\.com" is the URL of GatewayPlane\(berlin\); give each plane its own/,
    ],
    [
      'a URL without https',
      (all) => (all.gateways.paris.url = 'http://paris-gw.example.com'),
      /GatewayPlane\(paris\)\.url: expected https:\/\/host/,
    ],
    [
      'a tag in production',
      (all) => (all.sites.paris.images = { gateway: 'registry.example.com/gateway:main' }),
      /KubernetesSite\(paris\)\.images\.gateway: expected an image by digest.*tells the digest/,
    ],
    [
      'no networks of MCP servers',
      (all) => delete all.sites.paris.upstreamCidrs,
      /KubernetesSite\(paris\)\.upstreamCidrs/,
    ],
    [
      'a network that is none',
      (all) => (all.sites.paris.egressCidrs = ['198.51.100.300/28']),
      /KubernetesSite\(paris\)\.egressCidrs\[0\]: expected a CIDR such as/,
    ],
    [
      'no storage class where a control plane runs',
      (all) => delete all.sites.berlin.storageClass,
      /KubernetesSite\(berlin\)\.storageClass: is needed where a control plane runs: a StorageClass of the cluster \(`kubectl get storageclass`\)/,
    ],
    [
      'an unknown platform',
      (all) => (all.sites.paris.platform = 'openshift'),
      /KubernetesSite\(paris\)\.platform: .*generic/,
    ],
    [
      'a kubeconfig that is not there',
      (all) => (all.sites.paris.cluster.kubeconfig = '/nowhere/kubeconfig'),
      /KubernetesSite\(paris\)\.cluster\.kubeconfig: expected a file that is there/,
    ],
    [
      'no certificate',
      (all) => delete all.gateways.paris.certificate,
      /GatewayPlane\(paris\)\.certificate: is needed on a KubernetesSite/,
    ],
    [
      'a site that is not there',
      (all) => (all.gateways.paris.site = 'london'),
      /gateways\.paris\.site: expected one of the sites \(berlin, paris\); got "london"/,
    ],
    [
      'a port that the balancer does not serve',
      (all) => (all.gateways.paris.url = 'https://paris-gw.example.com:8443'),
      /GatewayPlane\(paris\)\.url: expected port 443/,
    ],
    ['an unknown key', (all) => (all.sites.paris.plattform = 'generic'), /KubernetesSite\(paris\).*plattform/],
  ])('%s', async (_name, change, message) => {
    expect(await refusal(change)).toMatch(message);
  });
});
