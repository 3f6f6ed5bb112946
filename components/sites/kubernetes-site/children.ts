/** Manifests → resources of Pulumi's Kubernetes provider. */
import { apiextensions, apps, autoscaling, batch, core, networking, policy, rbac } from '@pulumi/kubernetes';
import type { CustomResource, CustomResourceOptions } from '@pulumi/pulumi';
import { expectNoViolation } from '../../rules/expect.ts';
import { imageByDigest, noOpen443, restrictedPods } from '../../rules/index.ts';
import type { Kind, Kinds, Manifest, Transforms } from './manifests/index.ts';
import type { KubernetesSitePlan } from './validate.ts';

type Class<K extends Kind> = new (name: string, object: Kinds[K], opts: CustomResourceOptions) => CustomResource;

const classes: { readonly [K in Kind]: Class<K> } = {
  Namespace: core.v1.Namespace,
  ServiceAccount: core.v1.ServiceAccount,
  Role: rbac.v1.Role,
  RoleBinding: rbac.v1.RoleBinding,
  ConfigMap: core.v1.ConfigMap,
  Service: core.v1.Service,
  Deployment: apps.v1.Deployment,
  StatefulSet: apps.v1.StatefulSet,
  Job: batch.v1.Job,
  HorizontalPodAutoscaler: autoscaling.v2.HorizontalPodAutoscaler,
  PodDisruptionBudget: policy.v1.PodDisruptionBudget,
  NetworkPolicy: networking.v1.NetworkPolicy,
  CustomResource: apiextensions.CustomResource as unknown as Class<'CustomResource'>, // its own type knows no fields
};

/**
 * Makes one child. Throws an ArgumentError where a transform breaks a rule that the policy pack would hold against it.
 *
 * @param owner Name of the component whose child it is: `<owner>-<child>`.
 */
export function make<K extends Kind>(
  owner: string,
  { kind, child, object }: Manifest<K>,
  { transform, tier }: Pick<KubernetesSitePlan, 'transform' | 'tier'>,
  opts: CustomResourceOptions,
): CustomResource {
  const name = `${owner}-${child}`;
  const change: Transforms[K] = transform[kind];
  if (change === undefined) return new classes[kind](name, object, opts);
  const changed = change(object, child);
  const declared = {
    type: `kubernetes:${(changed as { apiVersion?: string }).apiVersion}:${kind}`,
    name,
    props: changed,
  };
  const rules = tier === 'production' ? [restrictedPods, imageByDigest, noOpen443] : [restrictedPods, noOpen443];
  expectNoViolation(
    `transform.${kind}`,
    rules.flatMap((rule) => rule(declared)),
  );
  return new classes[kind](name, changed, opts);
}
