/**
 * NATS in a cluster. Pure. Beside each server stands an agent of ours: it proves who it is to the control plane, writes keys and
 * configuration to memory, and tells the server when they change. So the server has no secret that the cluster keeps.
 */
import { doorLabel, labelsOf, namespaceOf, own, paths, ports, selectorOf } from '../names.ts';
import { type Manifest, manifest } from './manifest.ts';
import { configMap, disruptionBudget, metadataOf, type PlaneOnSite, restartedBy, serviceAccount } from './plane.ts';
import { configMount, container, podTemplate, scratchMount, secretMount, tokenMount } from './pod.ts';
import { claimOf } from './postgres.ts';

export interface NatsInCluster extends PlaneOnSite {
  /** Host name of the control plane's public name, which NATS's certificate carries too. */
  readonly host: string;
  /** Authorities of the control plane's public name are there. */
  readonly hasAuthorities: boolean;
  /** Name of the TLS secret of the public name; absent: agents get the certificate from the control plane, which orders it. */
  readonly tlsSecret?: string | undefined;
  /** Whom the agents' tokens are for. */
  readonly audience: string;
}

const part = 'nats';
export const natsAccount = part;
/** Of the pods, without a balancer between: servers find each other before they are ready. */
export const headless = 'nats-servers';

/** As many as make a majority without one. */
export const natsServers = (tier: 'production' | 'development'): 1 | 3 => (tier === 'production' ? 3 : 1);

export const natsHost = (namespace: string): string => `${headless}.${namespace}.svc`;

/** Host name of each server. */
export const natsHosts = (clusterHost: string, servers: number): readonly string[] =>
  Array.from({ length: servers }, (_, at) => `${part}-${at}.${clusterHost}`);

/** The file that agents read (docs/configuration.md). They find the control plane inside the cluster. */
function agentConfig({ site, plane, host, hasAuthorities, tlsSecret }: NatsInCluster): string {
  const namespace = namespaceOf(site.namespacePrefix, plane);
  const servers = natsServers(site.tier);
  const natsAgent = {
    controlPlane: {
      url: `https://control-plane.${namespace}.svc`,
      tlsName: host,
      ...(hasAuthorities ? { caFile: paths.caFile } : {}),
    },
    serviceAccountTokenFile: paths.tokenFile,
    dir: own(paths.natsRun),
    storeDir: own(paths.natsStore),
    ...(tlsSecret === undefined ? { certificate: 'acme' } : {}),
    routes: servers === 1 ? [] : natsHosts(natsHost(namespace), servers).map((one) => `${one}:${ports.cluster}`),
  };
  return `${JSON.stringify({ natsAgent }, null, 2)}\n`;
}

/** What its pods read at their start. */
export const natsGround = (on: NatsInCluster): readonly Manifest[] => [
  serviceAccount(on, part, 'nats-service-account', natsAccount),
  configMap(on, part, { child: 'nats-config', name: part, data: { 'config.yaml': agentConfig(on) } }),
];

export function natsManifests(on: NatsInCluster): readonly Manifest[] {
  const config = agentConfig(on);
  const selector = selectorOf(part, on.plane);
  return [
    manifest('Service', 'nats', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadataOf(on, part, headless),
      spec: {
        clusterIP: 'None',
        publishNotReadyAddresses: true,
        selector,
        ports: (['nats', 'cluster'] as const).map((name) => ({ name, port: ports[name], targetPort: name })),
      },
    }),
    statefulSet(on, selector, config),
    ...(on.site.tier === 'production' ? [disruptionBudget(on, part, selector)] : []),
  ];
}

function statefulSet(
  on: NatsInCluster,
  selector: Readonly<Record<string, string>>,
  config: string,
): Manifest<'StatefulSet'> {
  const { site, plane } = on;
  const mounts = [
    configMount('config', part, paths.config),
    ...(on.hasAuthorities ? [configMount('authorities', 'authorities', paths.authorities)] : []),
    ...(on.tlsSecret === undefined ? [] : [secretMount('tls', on.tlsSecret, paths.tls)]),
    tokenMount(on.audience, paths.token),
    scratchMount('run', paths.natsRun, { memory: true, sizeLimit: '16Mi' }),
    scratchMount('tmp', '/tmp', { sizeLimit: '64Mi' }),
  ];
  const store = { volume: { name: 'store' }, path: paths.natsStore, readOnly: false };
  return manifest('StatefulSet', 'nats-server', {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadataOf(on, part, part),
    spec: {
      serviceName: headless,
      replicas: natsServers(site.tier),
      podManagementPolicy: 'Parallel', // none is ready before most are
      selector: { matchLabels: selector },
      template: podTemplate({
        labels: { ...labelsOf(part, plane, site.labels), ...doorLabel(plane) },
        annotations: restartedBy(config),
        serviceAccount: natsAccount,
        spread: selector,
        apart: site.tier === 'production', // one node would be the majority
        graceSeconds: 60,
        initContainers: [agent(on, 'enrol', mounts), agent(on, 'agent', mounts)],
        containers: [server(on, [...mounts, store])],
        mounts,
        own: { shareProcessNamespace: true },
      }),
      ...claimOf(on, 'store', site.tier === 'production' ? '20Gi' : '5Gi'),
    },
  });
}

/** `enrol` ends once the server can start; `agent` goes on beside it (a sidecar, Kubernetes >= 1.29). */
function agent({ site }: NatsInCluster, name: 'enrol' | 'agent', mounts: Parameters<typeof container>[1]) {
  const once = name === 'enrol';
  return container(
    {
      name,
      image: site.images.controlPlane ?? '',
      args: ['nats-agent', ...(once ? ['--once'] : []), '--config', paths.configFile],
      env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      ...(once ? {} : { restartPolicy: 'Always' }),
      resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '192Mi' } },
    },
    mounts,
  );
}

function server({ site }: NatsInCluster, mounts: Parameters<typeof container>[1]) {
  return container(
    {
      name: part,
      image: site.images.nats ?? '',
      args: ['--config', `${own(paths.natsRun)}/nats.conf`],
      env: [{ name: 'GOMEMLIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } }],
      ports: (['nats', 'cluster', 'monitor'] as const).map((name) => ({ name, containerPort: ports[name] })),
      startupProbe: health('/healthz', 60),
      readinessProbe: health('/healthz?js-server-only=true', 3),
      livenessProbe: health('/healthz?js-server-only=true', 6),
      resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    },
    mounts,
  );
}

const health = (path: string, failureThreshold: number) => ({
  httpGet: { path, port: 'monitor' },
  periodSeconds: 5,
  timeoutSeconds: 3,
  failureThreshold,
});
