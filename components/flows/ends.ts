/** Both ends of flows, from the plane that they belong to. */

import { withoutNeverDialled } from './cidr.ts';
import type { Networks, PlanePods, Pods, World } from './flow.ts';
import type { PlaneNetwork } from './plane-network.ts';

/** What our pods are, as their label `app.kubernetes.io/name` says it. */
export type Part = 'gateway' | 'control-plane' | 'nats' | 'postgres';

const nameLabel = 'app.kubernetes.io/name';
const instanceLabel = 'app.kubernetes.io/instance';
const namespaceLabel = 'kubernetes.io/metadata.name';

/** Of a pod that writes Secrets through the cluster's API: jobs `birth` and `init`, and nobody else. Its value is the plane's name. */
export const secretsWriterLabel = 'portolan.dev/secrets-writer';

/** The labels of everything that belongs to a plane. */
export const instanceLabels = (plane: string): Readonly<Record<string, string>> => ({ [instanceLabel]: plane });

/** The labels that select one part of a plane. */
export const partLabels = (part: Part, plane: string): Readonly<Record<string, string>> => ({
  [nameLabel]: part,
  ...instanceLabels(plane),
});

/** The labels that select a namespace: Kubernetes itself writes this one, so that nobody can wear another's. */
export const namespaceLabels = (namespace: string): Readonly<Record<string, string>> => ({
  [namespaceLabel]: namespace,
});

const words: Readonly<Record<Part, string>> = {
  gateway: 'gateway',
  'control-plane': 'control plane',
  nats: 'NATS of',
  postgres: 'PostgreSQL of',
};

/** Pods as their own cluster sees them; nobody elsewhere has a rule for them. */
export function podsOf(plane: PlaneNetwork, part: Part): PlanePods {
  const { namespace, name, site } = plane;
  const labels = partLabels(part, name);
  return { kind: 'plane', says: `${words[part]} ${name}`, cluster: site.cluster, namespace, labels };
}

/** Pods that call: elsewhere they are seen with the addresses from which their site's traffic leaves. */
export const callerOf = (plane: PlaneNetwork, part: Part): PlanePods => ({
  ...podsOf(plane, part),
  outside: plane.site.egressCidrs,
});

/** Pods that are called: elsewhere they are dialled at the addresses of their plane. */
export const calledOf = (plane: PlaneNetwork, part: Part): PlanePods => ({
  ...podsOf(plane, part),
  outside: plane.ingressCidrs,
});

export function secretsWriters(plane: PlaneNetwork): PlanePods {
  const pods = podsOf(plane, 'control-plane');
  return {
    ...pods,
    says: `jobs birth and init of ${plane.name}`,
    labels: { ...pods.labels, [secretsWriterLabel]: plane.name },
  };
}

export const everyone: World = { kind: 'world', says: 'everyone' };

/** Where connections come from. */
export const sources = (says: string, cidrs: readonly string[] | undefined): Networks => ({
  kind: 'networks',
  says,
  blocks: cidrs?.map((cidr) => ({ cidr })),
});

/** What is dialled: never a metadata service that happens to lie in it. */
export const destinations = (says: string, cidrs: readonly string[] | undefined): Networks => ({
  kind: 'networks',
  says,
  blocks: cidrs?.map(withoutNeverDialled),
});

/** Pods of the cluster that are not ours. */
export const podsIn = (namespace: string, says: string, labels: Pods['labels'] = {}): Pods => ({
  kind: 'pods',
  says,
  namespace,
  labels,
});
