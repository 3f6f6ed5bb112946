/** A gateway plane in a cluster. Pure. */
import { doorLabel, labelsOf, paths, ports, selectorOf } from '../names.ts';
import { type Manifest, manifest } from './manifest.ts';
import { monitoring } from './monitoring.ts';
import {
  authorities,
  closed,
  configMap,
  disruptionBudget,
  metadataOf,
  namespace,
  type PlaneOnSite,
  restartedBy,
  serviceAccount,
} from './plane.ts';
import { configMount, container, podTemplate, probe, scratchMount, secretMount, tokenMount } from './pod.ts';
import { publicDoor } from './public-door.ts';

export interface GatewayInCluster extends PlaneOnSite {
  /** The file that it reads. */
  readonly config: string;
  /** PEM. */
  readonly authorities?: string | undefined;
  /** Name of its TLS secret; absent: its certificate comes with the snapshot. */
  readonly tlsSecret?: string | undefined;
  /** Whom its tokens are for. */
  readonly audience: string;
  readonly drainDelayMs: number;
  readonly drainTimeoutMs: number;
  /** Everyone may come to its public address; else network rules say who. */
  readonly isPublic: boolean;
}

const part = 'gateway';
/** Beside draining: the time that a process takes to end. */
const endSeconds = 15;

/** All that is there before a pod is. */
export const gatewayGround = (gateway: GatewayInCluster): readonly Manifest[] => [
  namespace(gateway, part),
  closed(gateway),
  serviceAccount(gateway, part, 'service-account', part),
  configMap(gateway, part, { child: 'config', name: part, data: { 'config.yaml': gateway.config } }),
  ...authorities(gateway, part, gateway.authorities),
  ...(gateway.site.tier === 'production' ? [disruptionBudget(gateway, part, selectorOf(part, gateway.plane))] : []),
  autoscaler(gateway),
  ...monitoring(gateway, part),
];

/** In this order, because Pulumi waits until a Service has found pods. */
export function gatewayServers(gateway: GatewayInCluster): readonly [Manifest<'Deployment'>, Manifest<'Service'>] {
  const { plane, isPublic } = gateway;
  const door = { selector: doorLabel(plane), listens: { tls: 443 }, isPublic };
  return [deployment(gateway, selectorOf(part, plane)), publicDoor(gateway, part, door)];
}

function deployment(gateway: GatewayInCluster, selector: Readonly<Record<string, string>>): Manifest<'Deployment'> {
  const { site, plane, config, drainDelayMs, drainTimeoutMs } = gateway;
  const labels = { ...labelsOf(part, plane, site.labels), ...doorLabel(plane) };
  const mounts = [
    configMount('config', part, paths.config),
    ...(gateway.authorities === undefined ? [] : [configMount('authorities', 'authorities', paths.authorities)]),
    ...(gateway.tlsSecret === undefined ? [] : [secretMount('tls', gateway.tlsSecret, paths.tls)]),
    tokenMount(gateway.audience, paths.token),
    scratchMount('data', paths.data, { sizeLimit: '2Gi' }),
    scratchMount('tmp', '/tmp', { sizeLimit: '64Mi' }),
  ];
  return manifest('Deployment', 'deployment', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(gateway, part, part),
    spec: {
      // no replicas: the autoscaler's affair
      selector: { matchLabels: selector },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: podTemplate({
        labels,
        annotations: restartedBy(config, gateway.authorities),
        serviceAccount: part,
        spread: selector,
        graceSeconds: Math.ceil((drainDelayMs + drainTimeoutMs) / 1_000) + endSeconds,
        containers: [process(gateway, mounts)],
        mounts,
      }),
    },
  });
}

function process({ site }: GatewayInCluster, mounts: Parameters<typeof container>[1]) {
  const small = site.tier === 'development';
  return container(
    {
      name: part,
      image: site.images.gateway,
      args: ['--config', paths.configFile],
      ports: (['tls', 'health', 'metrics'] as const).map((name) => ({ name, containerPort: ports[name] })),
      readinessProbe: probe('/readyz'),
      livenessProbe: probe('/livez', { periodSeconds: 10, failureThreshold: 6 }),
      resources: {
        requests: { cpu: small ? '100m' : '500m', memory: small ? '192Mi' : '384Mi' },
        limits: { memory: small ? '384Mi' : '768Mi' },
      },
    },
    mounts,
  );
}

function autoscaler(gateway: GatewayInCluster): Manifest<'HorizontalPodAutoscaler'> {
  const [minReplicas, maxReplicas] = gateway.site.tier === 'production' ? [2, 10] : [1, 2];
  return manifest('HorizontalPodAutoscaler', 'autoscaler', {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadataOf(gateway, part, part),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: part },
      minReplicas,
      maxReplicas,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      ],
    },
  });
}
