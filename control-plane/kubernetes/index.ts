/** The door of Kubernetes: Secrets of the pod's own namespace, and nothing else of its API. */
export { birth } from './birth.ts';
export { inClusterSecrets } from './in-cluster.ts';
export type { Secrets } from './secrets.ts';
