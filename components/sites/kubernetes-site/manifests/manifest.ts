/** What a site makes in a cluster, as data: its kind, the object as it is applied, and which child of its owner it is. */
import type * as kubernetes from '@pulumi/kubernetes';

/** Kubernetes kind → its object. A CustomResource's are of the CRDs that `monitoring` needs. */
export interface Kinds {
  readonly Namespace: kubernetes.types.input.core.v1.Namespace;
  readonly ServiceAccount: kubernetes.types.input.core.v1.ServiceAccount;
  readonly Role: kubernetes.types.input.rbac.v1.Role;
  readonly RoleBinding: kubernetes.types.input.rbac.v1.RoleBinding;
  readonly ConfigMap: kubernetes.types.input.core.v1.ConfigMap;
  readonly Service: kubernetes.types.input.core.v1.Service;
  readonly Deployment: kubernetes.types.input.apps.v1.Deployment;
  readonly StatefulSet: kubernetes.types.input.apps.v1.StatefulSet;
  readonly Job: kubernetes.types.input.batch.v1.Job;
  readonly HorizontalPodAutoscaler: kubernetes.types.input.autoscaling.v2.HorizontalPodAutoscaler;
  readonly PodDisruptionBudget: kubernetes.types.input.policy.v1.PodDisruptionBudget;
  readonly NetworkPolicy: kubernetes.types.input.networking.v1.NetworkPolicy;
  readonly CustomResource: CustomObject;
}
export type Kind = keyof Kinds;

export interface CustomObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: kubernetes.types.input.meta.v1.ObjectMeta;
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface Manifest<K extends Kind = Kind> {
  readonly kind: K;
  /** Suffix of its Pulumi name. A contract: another one replaces what lives. */
  readonly child: string;
  readonly object: Kinds[K];
}

export const manifest = <K extends Kind>(kind: K, child: string, object: Kinds[K]): Manifest<K> => ({
  kind,
  child,
  object,
});

/** What is done to objects of a kind before they are applied. */
export type Transforms = { readonly [K in Kind]?: ((object: Kinds[K], child: string) => Kinds[K]) | undefined };
