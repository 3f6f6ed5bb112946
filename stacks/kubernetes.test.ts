/** Program `kubernetes` on mocks, with the settings that are in the repository: what it declares, and what it refuses. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ControlPlane, GatewayPlane, KubernetesSite, type KubernetesSiteArgs } from '../components/index.ts';
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

const authorities = join(dir, 'acme-ca.crt');
beforeAll(() => writeFileSync(authorities, 'PEM'));

/** Every plane's certificate is ordered. */
function ordered({ control, gateways }: Loose): void {
  for (const plane of [control, ...Object.values<Loose>(gateways)]) plane.certificate = { acme: true };
  control.certificates = {
    directory: 'https://acme.example.com:14000/dir',
    directoryCidrs: ['192.0.2.32/28'],
    termsOfServiceAgreed: true,
    caFile: authorities,
    externalAccount: { keyId: 'kid-1', key: { secretRef: 'acme-account' } },
    dns: {
      rfc2136: {
        server: 'ns1.example.com:5353',
        zone: 'acme.example.com',
        keyName: 'portolan',
        key: { secretRef: 'acme-tsig' },
      },
      cidrs: ['192.0.2.53/32'],
    },
  };
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

describe('certificates by ACME', () => {
  test('the control plane orders for itself and its gateways, by keys in Secrets; nobody mounts a TLS secret', async () => {
    const registered = await record(() => kubernetes(settings('onprem', ordered)));
    expect(named(registered, 'Gateway paris-entry')).toMatchObject({ certificate: 'acme' });
    const mounted = registered.flatMap(({ inputs }) => inputs.spec?.template?.spec?.volumes ?? []);
    const secrets = new Set(mounted.flatMap(({ secret }: Loose) => secret?.secretName ?? []));
    expect([...secrets].sort()).toEqual(['acme-account', 'acme-tsig', 'database', 'kek']);
    // only the server orders: neither its `init` nor a job sees the keys
    const { containers, initContainers } = named(registered, 'Deployment control-deployment').spec.template.spec;
    const paths = ({ volumeMounts }: Loose) => volumeMounts.map(({ mountPath }: Loose) => mountPath);
    const keys = ['/etc/portolan/tsig', '/etc/portolan/external-account', '/etc/portolan/acme-ca'];
    expect(paths(containers[0])).toEqual(expect.arrayContaining(keys));
    for (const path of keys) expect(paths(initContainers[0])).not.toContain(path);
    const { data } = named(registered, 'ConfigMap control-acme-authorities');
    expect(data).toEqual({ 'ca.crt': 'PEM' });
  });

  test('its pods reach the directory by TCP and the DNS servers by UDP and TCP, at the networks named and no others', async () => {
    const registered = await record(() => kubernetes(settings('onprem', ordered)));
    const opened = registered
      .filter(({ type }) => type.endsWith(':NetworkPolicy'))
      .flatMap(({ inputs }) => inputs.spec.egress ?? [])
      .flatMap(({ to = [], ports = [] }: Loose) =>
        to.flatMap(({ ipBlock }: Loose) =>
          ['192.0.2.32/28', '192.0.2.53/32'].includes(ipBlock?.cidr)
            ? ports.map(({ protocol, port }: Loose) => `${ipBlock.cidr} ${protocol} ${port}`)
            : [],
        ),
      );
    expect(opened.sort()).toEqual([
      '192.0.2.32/28 TCP 14000',
      '192.0.2.53/32 TCP 53',
      '192.0.2.53/32 TCP 5353',
      '192.0.2.53/32 UDP 53',
      '192.0.2.53/32 UDP 5353',
    ]);
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
      /KubernetesSite\(paris\)\.images\.gateway: expected an image by digest.*crane digest registry\.example\.com\/gateway:main/,
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
    [
      'certificates by ACME where none are ordered',
      (all) => (all.gateways.paris.certificate = { acme: true }),
      /GatewayPlane\(paris\)\.certificate: expected a control plane that orders certificates: give the ControlPlane the argument `certificates`/,
    ],
    [
      "the control plane's own certificate where none are ordered",
      (all) => (all.control.certificate = { acme: true }),
      /ControlPlane\(control\)\.certificate: expected a control plane that orders certificates/,
    ],
    [
      'a certificate by ACME for an address',
      (all) => {
        ordered(all);
        all.gateways.paris.url = 'https://198.51.100.11';
      },
      /GatewayPlane\(paris\)\.url: expected a DNS name of at least two labels, because ACME/,
    ],
    [
      'orders without the terms of service',
      (all) => {
        ordered(all);
        delete all.control.certificates.termsOfServiceAgreed;
      },
      /ControlPlane\(control\)\.certificates\.termsOfServiceAgreed: must be true: read the terms/,
    ],
    [
      'two planes of one cluster without a balancer between',
      (all) => (all.sites.berlin.ingress = { kind: 'given', addresses: { control: '10.1.0.1', berlin: '10.1.0.2' } }),
      /GatewayPlane\(berlin\)\.site: is the cluster of plane "control" too, and ingress of kind "given"/,
    ],
    ['an unknown key', (all) => (all.sites.paris.plattform = 'generic'), /KubernetesSite\(paris\).*plattform/],
  ])('%s', async (_name, change, message) => {
    expect(await refusal(change)).toMatch(message);
  });
});

test('applications and MCP servers of the same cluster are let in by namespace', async () => {
  const change = (all: Loose) => {
    all.sites.paris.upstreamNamespaces = [{ namespace: 'files', ports: [8080] }];
    all.gateways.paris.callerNamespaces = ['agents'];
  };
  const registered = await record(() => kubernetes(settings('onprem', change)));
  const rules = registered.filter(({ name }) => /^paris-.*(agents|files)/.test(name));
  expect(rules.map(({ name }) => name).sort()).toEqual([
    'paris-callers.paris.agents.in',
    'paris-upstreams.paris.files.out',
  ]);
});

describe('a transform', () => {
  const site = (transform: KubernetesSiteArgs['transform']) => () => {
    const { sites } = settings('onprem');
    const onParis = new KubernetesSite('paris', { ...sites.paris, transform });
    const control = new ControlPlane('control', {
      site: new KubernetesSite('berlin', sites.berlin),
      url: 'https://control.example.com',
      certificate: { secretRef: 'public-tls' },
    });
    new GatewayPlane('paris', {
      site: onParis,
      control,
      url: 'https://paris-gw.example.com',
      certificate: { secretRef: 'public-tls' },
    });
  };

  test('has the last word on an object', async () => {
    const registered = await record(
      site({ Service: (service) => ({ ...service, metadata: { ...service.metadata, annotations: { own: 'yes' } } }) }),
    );
    expect(named(registered, 'Service paris-door').metadata.annotations).toEqual({ own: 'yes' });
    expect(named(registered, 'Service control-door').metadata.annotations).toBeUndefined();
  });

  test('that loosens the security of pods is refused as the policy pack would', async () => {
    const root = (deployment: Loose) => {
      deployment.spec.template.spec.containers[0].securityContext = { runAsUser: 0 };
      return deployment;
    };
    await expect(record(site({ Deployment: root }))).rejects.toThrow(/transform\.Deployment.*runAsUser/s);
  });
});
