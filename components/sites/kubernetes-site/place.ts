/** Where planes live in a cluster: the same listeners and paths in every pod. Pure. */
import type { WorkloadIdentity } from '@portolan/core';
import type { ControlApiArgs } from '@portolan/provider';
import type {
  Certificate,
  CertificateFiles,
  ControlPlaneAddress,
  ControlPlanePlace,
  GatewayPlace,
  NatsConfig,
  OrderFiles,
  PlaneAddress,
} from '../site.ts';
import { databaseName, natsAccount, natsHost, natsHosts, natsServers } from './manifests/index.ts';
import { namespaceOf, own, paths, ports, secrets } from './names.ts';
import type { KubernetesSitePlan } from './validate.ts';

/** As long as balancers take to see that a pod is not ready: two of their probes, and the way of the news. */
const drainDelayMs = 15_000;
const drainTimeoutMs = 30_000;

const anyAddress = (port: number): string => `0.0.0.0:${port}`;
const listen = {
  tls: anyAddress(ports.tls),
  health: anyAddress(ports.health),
  metrics: anyAddress(ports.metrics),
} as const;
const certificateFiles: CertificateFiles = { certFile: paths.certFile, keyFile: paths.keyFile };
const orderFiles: OrderFiles = {
  tsigKeyFile: `${paths.tsig}/key`,
  externalAccountKeyFile: `${paths.externalAccount}/key`,
  caFile: `${paths.directoryAuthorities}/ca.crt`,
};

export function gatewayPlace(site: KubernetesSitePlan, plane: PlaneAddress, audience: string): GatewayPlace {
  return {
    listen,
    certificate: tlsSecretOf(plane.certificate) === undefined ? 'acme' : certificateFiles,
    configFile: paths.configFile,
    dataDir: own(paths.data),
    authoritiesFile: ({ caFile }) => (caFile === undefined ? undefined : paths.caFile),
    enrolment: {
      by: 'workload',
      workloadIdentity: workloadIdentity(site, { plane: plane.name, serviceAccount: 'gateway', audience }),
      serviceAccountTokenFile: paths.tokenFile,
    },
    upstreamCidrs: site.upstreamCidrs,
    drainDelayMs,
    drainTimeoutMs,
  };
}

export interface Doors {
  /** `host:port` of NATS on the plane's public name. */
  readonly natsUrl: string;
  readonly audience: string;
}

export function controlPlanePlace(
  site: KubernetesSitePlan,
  plane: ControlPlaneAddress,
  { natsUrl, audience }: Doors,
): ControlPlanePlace {
  const caFile = site.caFile === undefined ? {} : { caFile: paths.caFile };
  const isOrdered = tlsSecretOf(plane.certificate) === undefined;
  return {
    listen,
    siteCertificate: { ...(isOrdered ? { acme: true } : certificateFiles), ...caFile },
    orderFiles: plane.certificates && orderFiles,
    caFile: site.caFile,
    configFile: paths.configFile,
    dataDir: own(paths.data),
    nats: { publicUrl: natsUrl, config: natsConfig(site, plane, audience) },
    keys: { in: 'database', kekFile: paths.kekFile },
    kubernetes: {
      kekSecret: secrets.kek,
      adminTokenSecret: secrets.adminToken,
      databaseSecret:
        site.database?.kind === 'in-cluster'
          ? {
              name: secrets.database,
              host: 'postgres',
              port: ports.postgres,
              user: databaseName,
              database: databaseName,
            }
          : undefined,
    },
  };
}

/** Inside the cluster the control plane finds each server by its own name; all carry the certificate of the public one. */
function natsConfig(site: KubernetesSitePlan, plane: PlaneAddress, audience: string): NatsConfig {
  const servers = natsServers(site.tier);
  const clusterHost = natsHost(namespaceOf(site.namespacePrefix, plane.name));
  return {
    url: natsHosts(clusterHost, servers).map((host) => `tls://${host}:${ports.nats}`),
    tlsName: new URL(plane.url).hostname,
    servers,
    listen: anyAddress(ports.nats),
    monitor: anyAddress(ports.monitor),
    workloadIdentity: workloadIdentity(site, { plane: plane.name, serviceAccount: natsAccount, audience }),
    clusterHost,
  };
}

interface Workload {
  readonly plane: string;
  readonly serviceAccount: string;
  readonly audience: string;
}

function workloadIdentity(site: KubernetesSitePlan, { plane, serviceAccount, audience }: Workload): WorkloadIdentity {
  const { issuer, jwks } = site.serviceAccounts;
  return { issuer, jwks, audience, namespace: namespaceOf(site.namespacePrefix, plane), serviceAccount };
}

/** Where `pulumi up` finds the API of a control plane here: its admin token is read from the Secret that its birth made. */
export function controlApi(
  site: KubernetesSitePlan,
  plane: PlaneAddress,
  dial: ControlApiArgs['dial'],
): ControlApiArgs {
  const { kubeconfig, context } = site.cluster;
  const namespace = namespaceOf(site.namespacePrefix, plane.name);
  return {
    url: plane.url,
    dial,
    caFile: site.caFile,
    adminTokenFile: site.adminTokenFile,
    adminTokenSecret: { kubeconfig, context, namespace, name: secrets.adminToken },
  };
}

/** The TLS secret of a plane's public name, or undefined where it comes by ACME. */
export const tlsSecretOf = (certificate: Certificate | undefined): string | undefined =>
  certificate !== undefined && 'secretRef' in certificate ? certificate.secretRef : undefined;
