/** The door of the Kubernetes stand-in: real clusters for tests, and the provider that the engine runs against them. */
import { join } from 'node:path';

export { absent, KubeApi, type KubeObject, Refused } from './api.ts';
export { type Cluster, type ClusterArgs, startCluster } from './cluster.ts';
export { type ClusterPrograms, findClusterPrograms } from './programs.ts';
export { faultsVariable } from './provider/faults.ts';
export type { LoadBalancers, SiteArgs, SiteStandIn, StorageClass } from './site.ts';

/** For `plugins.providers` of a Pulumi.yaml. */
export const kubernetesPlugin = { name: 'kubernetes', path: join(import.meta.dirname, 'provider') } as const;
