/**
 * Which changes make another object of it, as the official provider decides (pulumi-kubernetes v4, forceNewProperties): its
 * users plan with what it shows. What only the API server holds immutable is refused by it. Pure.
 */
import type { Config } from './config.ts';

/** By `group/Kind`, whatever the version. */
const byKind: Readonly<Record<string, readonly string[]>> = {
  'apps/Deployment': ['spec.selector'],
  'apps/DaemonSet': ['spec.selector'],
  'apps/StatefulSet': [
    'spec.podManagementPolicy',
    'spec.revisionHistoryLimit',
    'spec.selector',
    'spec.serviceName',
    'spec.volumeClaimTemplates',
  ],
  'batch/Job': ['spec.completions', 'spec.parallelism', 'spec.selector', 'spec.template'],
  'rbac.authorization.k8s.io/RoleBinding': ['roleRef'],
  'rbac.authorization.k8s.io/ClusterRoleBinding': ['roleRef'],
  'storage.k8s.io/StorageClass': ['parameters', 'provisioner'],
  '/PersistentVolume': ['spec.csi', 'spec.hostPath', 'spec.local', 'spec.nfs'],
  '/PersistentVolumeClaim': ['spec.accessModes', 'spec.selector', 'spec.storageClassName', 'spec.volumeName'],
  '/Pod': ['spec'],
  '/ResourceQuota': ['spec.scopes'],
  '/Secret': ['type'],
  '/Service': ['spec.clusterIP'],
};

const always = ['apiVersion', 'kind', 'metadata.name', 'metadata.namespace'];

/** @param immutable Whether old or new inputs say so of a ConfigMap or a Secret. */
export function replaceOn(
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
  config: Pick<Config, 'configMapsMutable' | 'secretsMutable'>,
  immutable: boolean,
): readonly string[] {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  const own = byKind[`${group}/${kind}`] ?? [];
  if (group === '' && kind === 'Secret' && (immutable || !config.secretsMutable))
    return [...always, ...own, 'data', 'stringData'];
  if (group === '' && kind === 'ConfigMap' && (immutable || !config.configMapsMutable))
    return [...always, 'data', 'binaryData'];
  return [...always, ...own];
}

/** @param path As in diff.ts: `spec.template.spec.containers[0].image`. */
export function replaces(path: string, fields: readonly string[]): boolean {
  return fields.some(
    (field) =>
      path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`) || field.startsWith(`${path}.`),
  );
}
