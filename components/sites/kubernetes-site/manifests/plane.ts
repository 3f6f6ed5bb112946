/** What every plane has: its namespace, its rules of pod security, its authorities. */
import { createHash } from 'node:crypto';
import { secretsWriterLabel } from '../../../flows/index.ts';
import { labelsOf, namespaceOf, type Part } from '../names.ts';
import { defaultDeny } from '../network-policies.ts';
import type { Ingress } from './ingress.ts';
import { type Manifest, manifest } from './manifest.ts';

/** What manifests need to know of a site. */
export interface SiteFacts {
  readonly namespacePrefix: string;
  readonly tier: 'production' | 'development';
  readonly images: {
    readonly gateway: string;
    readonly controlPlane?: string | undefined;
    readonly nats?: string | undefined;
    readonly postgres?: string | undefined;
  };
  readonly ingress: Ingress;
  readonly storageClass?: string | undefined;
  readonly monitoring: 'prometheus-operator' | 'none';
  readonly labels: Readonly<Record<string, string>>;
}

/** Which plane of which site. */
export interface PlaneOnSite {
  readonly site: SiteFacts;
  readonly plane: string;
}

/** Name, namespace and labels of an object of a part. */
export const metadataOf = ({ site, plane }: PlaneOnSite, part: Part, name: string) => ({
  name,
  namespace: namespaceOf(site.namespacePrefix, plane),
  labels: labelsOf(part, plane, site.labels),
});

/** Pods that could harm their node are refused there by the API server. */
export function namespace({ site, plane }: PlaneOnSite, part: Part): Manifest<'Namespace'> {
  const level = { enforce: 'restricted', audit: 'restricted', warn: 'restricted' };
  const security = Object.entries(level).map(([mode, value]) => [`pod-security.kubernetes.io/${mode}`, value]);
  return manifest('Namespace', 'namespace', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespaceOf(site.namespacePrefix, plane),
      labels: { ...labelsOf(part, plane, site.labels), ...Object.fromEntries(security) },
    },
  });
}

/** Nothing in or out, until a flow says so. */
export function closed(on: PlaneOnSite): Manifest<'NetworkPolicy'> {
  const policy = defaultDeny({ name: on.plane, namespace: namespaceOf(on.site.namespacePrefix, on.plane) });
  return manifest('NetworkPolicy', 'default-deny', policy);
}

/** One that may nothing by itself; its tokens are projected where they are needed. */
export const serviceAccount = (on: PlaneOnSite, part: Part, child: string, name: string): Manifest<'ServiceAccount'> =>
  manifest('ServiceAccount', child, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadataOf(on, part, name),
    automountServiceAccountToken: false,
  });

export const configMap = (
  on: PlaneOnSite,
  part: Part,
  {
    child,
    name,
    data,
  }: { readonly child: string; readonly name: string; readonly data: Readonly<Record<string, string>> },
): Manifest<'ConfigMap'> =>
  manifest('ConfigMap', child, { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadataOf(on, part, name), data });

/** PEM of authorities, where the system's do not do. */
export const authorities = (on: PlaneOnSite, part: Part, pem: string | undefined): readonly Manifest[] =>
  pem === undefined
    ? []
    : [configMap(on, part, { child: 'authorities', name: 'authorities', data: { 'ca.crt': pem } })];

/** Pods are made anew when what they read at their start has changed. */
export const restartedBy = (...contents: readonly (string | undefined)[]) => ({
  'portolan.dev/config-sha256': digest(...contents),
});

export function digest(...contents: readonly (string | undefined)[]): string {
  const hash = createHash('sha256');
  for (const content of contents) hash.update(`${content ?? ''}\0`);
  return hash.digest('hex').slice(0, 16);
}

/** While nodes are drained, all but one go on. Pods of the jobs of birth are not meant: of a Job Kubernetes cannot tell how many there should be, and would let none go. */
export const disruptionBudget = (on: PlaneOnSite, part: Part, matchLabels: Readonly<Record<string, string>>) =>
  manifest('PodDisruptionBudget', `${part === 'gateway' ? '' : `${part}-`}disruption-budget`, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataOf(on, part, part),
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels, matchExpressions: [{ key: secretsWriterLabel, operator: 'DoesNotExist' }] },
    },
  });
