/**
 * A control plane in a cluster. Pure. Its birth is two jobs: `birth` makes the Secrets that a namespace starts with (key of
 * keys, password of a database in the cluster), `init` then the schema, every key, and the first admin token.
 */
import { secretsWriterLabel } from '../../../flows/index.ts';
import { doorLabel, labelsOf, paths, ports, secrets, selectorOf } from '../names.ts';
import { type Manifest, manifest } from './manifest.ts';
import { monitoring } from './monitoring.ts';
import {
  authorities,
  closed,
  configMap,
  digest,
  disruptionBudget,
  metadataOf,
  namespace,
  type PlaneOnSite,
  restartedBy,
  serviceAccount,
} from './plane.ts';
import { configMount, container, type Mount, podTemplate, probe, scratchMount, secretMount } from './pod.ts';
import { publicDoor } from './public-door.ts';

export interface ControlPlaneInCluster extends PlaneOnSite {
  /** The file that it reads. */
  readonly config: string;
  /** PEM. */
  readonly authorities?: string | undefined;
  /** Name of its TLS secret; absent: its certificate comes by ACME. */
  readonly tlsSecret?: string | undefined;
  /** What it orders certificates with; absent: it orders none. */
  readonly orders?: OrdersInCluster | undefined;
  /** Without a password. */
  readonly databaseUrl: string;
  /** Secret with the key `pgpass`. */
  readonly passwordSecret: string;
  /** Everyone may come to its public address; else network rules say who. */
  readonly isPublic: boolean;
}

/** Secrets with the key `key`. */
export interface OrdersInCluster {
  readonly tsigSecret: string;
  readonly externalAccountSecret?: string | undefined;
  /** PEM of the ACME directory's own authorities. */
  readonly authorities?: string | undefined;
}

const part = 'control-plane';
const birthAccount = 'birth';
const acmeAuthorities = 'acme-authorities';
const graceSeconds = 30;

/** All that is there before anything runs. */
export const controlPlaneGround = (on: ControlPlaneInCluster): readonly Manifest[] => [
  namespace(on, part),
  closed(on),
  serviceAccount(on, part, 'service-account', part),
  configMap(on, part, { child: 'config', name: part, data: { 'config.yaml': on.config } }),
  ...authorities(on, part, on.authorities),
  ...directoryAuthorities(on),
  ...birthRights(on),
  ...monitoring(on, part),
];

/** After the servers: Pulumi waits until a Service has found pods. */
export const controlPlaneDoor = (on: ControlPlaneInCluster): Manifest<'Service'> =>
  publicDoor(on, part, {
    selector: doorLabel(on.plane),
    listens: { tls: 443, nats: 4222 },
    isPublic: on.isPublic,
  });

/** It may make Secrets and look whether its own are there; it may not list, change or delete any. */
function birthRights(on: PlaneOnSite): readonly Manifest[] {
  const metadata = metadataOf(on, part, birthAccount);
  const role = manifest('Role', 'birth-role', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata,
    rules: [
      { apiGroups: [''], resources: ['secrets'], verbs: ['get'], resourceNames: Object.values(secrets) },
      { apiGroups: [''], resources: ['secrets'], verbs: ['create'] }, // RBAC knows no names of what is not there yet
    ],
  });
  const binding = manifest('RoleBinding', 'birth-role-binding', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: birthAccount },
    subjects: [{ kind: 'ServiceAccount', name: birthAccount, namespace: metadata.namespace }],
  });
  return [serviceAccount(on, part, 'birth-service-account', birthAccount), role, binding];
}

export const birthJob = (on: ControlPlaneInCluster): Manifest<'Job'> => job(on, 'birth', [config]);

export const initJob = (on: ControlPlaneInCluster): Manifest<'Job'> => job(on, 'init', serverMounts(on));

/** A job cannot be changed: another image or configuration is another job. It speaks with the API of its cluster. */
function job(on: ControlPlaneInCluster, command: 'birth' | 'init', mounts: readonly Mount[]): Manifest<'Job'> {
  const image = on.site.images.controlPlane ?? '';
  const tmp = scratchMount('tmp', '/tmp', { sizeLimit: '64Mi' });
  const seen = [...mounts, tmp];
  const run = container(
    {
      name: command,
      image,
      args: [command, '--config', paths.configFile],
      env: databaseEnv(on),
      resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    },
    seen,
  );
  return manifest('Job', command, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...metadataOf(on, part, `${command}-${digest(image, on.config, on.authorities)}`),
      annotations: { 'pulumi.com/replaceUnready': 'true' }, // one that failed is made anew by the next `up`
    },
    spec: {
      backoffLimit: 10,
      template: podTemplate({
        labels: { ...labelsOf(part, on.plane, on.site.labels), [secretsWriterLabel]: on.plane },
        serviceAccount: birthAccount,
        graceSeconds,
        containers: [run],
        mounts: seen,
        own: { restartPolicy: 'OnFailure', automountServiceAccountToken: true },
      }),
    },
  });
}

const config: Mount = configMount('config', part, paths.config);

/** What the server and its `init` see. Keys are on no disk: each replica gets them from the database at its start. */
const serverMounts = (on: ControlPlaneInCluster): readonly Mount[] => [
  config,
  ...(on.authorities === undefined ? [] : [configMount('authorities', 'authorities', paths.authorities)]),
  ...(on.tlsSecret === undefined ? [] : [secretMount('tls', on.tlsSecret, paths.tls)]),
  secretMount('kek', secrets.kek, paths.kek),
  secretMount('database', on.passwordSecret, paths.database),
  scratchMount('data', paths.data, { memory: true, sizeLimit: '16Mi' }),
];

function directoryAuthorities(on: ControlPlaneInCluster): readonly Manifest[] {
  const pem = on.orders?.authorities;
  if (pem === undefined) return [];
  return [configMap(on, part, { child: acmeAuthorities, name: acmeAuthorities, data: { 'ca.crt': pem } })];
}

/** What it orders certificates with; its `init` has no need of that. */
const orderMounts = ({ orders }: ControlPlaneInCluster): readonly Mount[] =>
  orders === undefined
    ? []
    : [
        secretMount('tsig', orders.tsigSecret, paths.tsig),
        ...(orders.externalAccountSecret === undefined
          ? []
          : [secretMount('external-account', orders.externalAccountSecret, paths.externalAccount)]),
        ...(orders.authorities === undefined
          ? []
          : [configMount(acmeAuthorities, acmeAuthorities, paths.directoryAuthorities)]),
      ];

const databaseEnv = ({ databaseUrl }: ControlPlaneInCluster) => [
  { name: 'DATABASE_URL', value: databaseUrl },
  { name: 'PGPASSFILE', value: paths.passFile },
];

/** The servers themselves. */
export function controlPlaneServers(on: ControlPlaneInCluster): readonly Manifest[] {
  const selector = selectorOf(part, on.plane);
  const isProduction = on.site.tier === 'production';
  return [deployment(on, selector), ...(isProduction ? [disruptionBudget(on, part, selector)] : [])];
}

function deployment(on: ControlPlaneInCluster, selector: Readonly<Record<string, string>>): Manifest<'Deployment'> {
  const { site, plane } = on;
  const image = site.images.controlPlane ?? '';
  const mounts = [...serverMounts(on), scratchMount('tmp', '/tmp', { sizeLimit: '64Mi' })];
  const served = [...mounts, ...orderMounts(on)];
  const env = databaseEnv(on);
  const resources = { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } };
  const common = { image, env, resources };
  const init = container({ ...common, name: 'init', args: ['init', '--config', paths.configFile] }, mounts);
  const serve = container(
    {
      ...common,
      name: part,
      args: ['serve', '--config', paths.configFile],
      ports: (['tls', 'health', 'metrics'] as const).map((name) => ({ name, containerPort: ports[name] })),
      readinessProbe: probe('/readyz'),
      livenessProbe: probe('/livez', { periodSeconds: 10, failureThreshold: 6 }),
    },
    served,
  );
  return manifest('Deployment', 'deployment', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(on, part, part),
    spec: {
      replicas: site.tier === 'production' ? 2 : 1,
      selector: { matchLabels: selector },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: podTemplate({
        labels: { ...labelsOf(part, plane, site.labels), ...doorLabel(plane) },
        annotations: restartedBy(on.config, on.authorities, on.orders?.authorities),
        serviceAccount: part,
        spread: selector,
        graceSeconds,
        initContainers: [init],
        containers: [serve],
        mounts: served,
      }),
    },
  });
}
