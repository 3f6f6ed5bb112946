/** The door of the Kubernetes stand-in: real clusters for tests, and the provider that the engine runs against them. */
export { absent, KubeApi, type KubeObject, Refused } from './api.ts';
export { type Cluster, type ClusterArgs, startCluster } from './cluster.ts';
export { type ClusterPrograms, findClusterPrograms } from './programs.ts';
export type { LoadBalancers, SiteArgs, SiteStandIn, StorageClass } from './site.ts';
