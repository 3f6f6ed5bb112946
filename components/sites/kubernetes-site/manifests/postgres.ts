/** PostgreSQL in the cluster, for development: one pod, one volume, no backup. Pure. */
import { labelsOf, paths, ports, secrets, selectorOf } from '../names.ts';
import { type Manifest, manifest } from './manifest.ts';
import { metadataOf, type PlaneOnSite, serviceAccount } from './plane.ts';
import { container, podTemplate, scratchMount, secretMount } from './pod.ts';

const part = 'postgres';
/** User and database, as the image makes them at its first start. */
export const databaseName = 'portolan';
const dataDir = '/var/lib/postgresql/data';

/** In this order, because Pulumi waits until a Service has found pods. */
export function postgresManifests(on: PlaneOnSite): readonly Manifest[] {
  const selector = selectorOf(part, on.plane);
  return [
    serviceAccount(on, part, 'postgres-service-account', part),
    statefulSet(on, selector),
    manifest('Service', 'postgres', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadataOf(on, part, part),
      spec: { selector, ports: [{ name: part, port: ports.postgres, targetPort: part }] },
    }),
  ];
}

function statefulSet(on: PlaneOnSite, selector: Readonly<Record<string, string>>): Manifest<'StatefulSet'> {
  const { site, plane } = on;
  const scratch = [
    secretMount('password', secrets.database, paths.database),
    scratchMount('run', '/var/run/postgresql', { sizeLimit: '16Mi' }),
    scratchMount('tmp', '/tmp', { sizeLimit: '256Mi' }),
  ];
  const data = { volume: { name: 'data' }, path: dataDir, readOnly: false };
  const server = container(
    {
      name: part,
      image: site.images.postgres ?? '',
      env: [
        { name: 'POSTGRES_USER', value: databaseName },
        { name: 'POSTGRES_DB', value: databaseName },
        { name: 'POSTGRES_PASSWORD_FILE', value: `${paths.database}/password` },
        { name: 'PGDATA', value: `${dataDir}/pgdata` },
      ],
      ports: [{ name: part, containerPort: ports.postgres }],
      readinessProbe: { tcpSocket: { port: part }, periodSeconds: 5, failureThreshold: 3 },
      resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    },
    [...scratch, data],
  );
  return manifest('StatefulSet', 'postgres-server', {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadataOf(on, part, part),
    spec: {
      serviceName: part,
      replicas: 1,
      selector: { matchLabels: selector },
      template: podTemplate({
        labels: labelsOf(part, plane, site.labels),
        serviceAccount: part,
        graceSeconds: 60,
        containers: [server],
        mounts: scratch,
      }),
      ...claimOf(on, 'data', '10Gi'),
    },
  });
}

/** A volume a pod. In development it goes with the set that made it. */
export const claimOf = ({ site }: PlaneOnSite, name: string, storage: string) => ({
  volumeClaimTemplates: [
    {
      metadata: { name },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: site.storageClass ?? '',
        resources: { requests: { storage } },
      },
    },
  ],
  ...(site.tier === 'development' ? { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } } : {}),
});
