/** What every pod of ours has in common: it may do nothing that the restricted pod security standard forbids, and writes nowhere but into its volumes. */
import type * as kubernetes from '@pulumi/kubernetes';
import { uid } from '../names.ts';

type PodSpec = kubernetes.types.input.core.v1.PodSpec;
export type Container = kubernetes.types.input.core.v1.Container;
export type Volume = kubernetes.types.input.core.v1.Volume;
export type VolumeMount = kubernetes.types.input.core.v1.VolumeMount;

/** A volume and where containers see it. */
export interface Mount {
  readonly volume: Volume & { readonly name: string };
  readonly path: string;
  readonly readOnly: boolean;
}

export const configMount = (name: string, configMap: string, path: string): Mount => ({
  volume: { name, configMap: { name: configMap } },
  path,
  readOnly: true,
});

/** Files of a Secret, for our group alone. */
export const secretMount = (name: string, secretName: string, path: string): Mount => ({
  volume: { name, secret: { secretName, defaultMode: 0o440 } },
  path,
  readOnly: true,
});

/** A volume of the node's: it survives the container, not the pod. `memory`: it is on no disk. */
export const scratchMount = (name: string, path: string, from: { memory?: boolean; sizeLimit: string }): Mount => ({
  volume: { name, emptyDir: { ...(from.memory ? { medium: 'Memory' } : {}), sizeLimit: from.sizeLimit } },
  path,
  readOnly: false,
});

/** A token of the pod's service account for `audience`, renewed by the kubelet. */
export const tokenMount = (audience: string, path: string): Mount => ({
  volume: {
    name: 'token',
    projected: {
      defaultMode: 0o440,
      sources: [{ serviceAccountToken: { audience, path: 'token', expirationSeconds: tokenSeconds } }],
    },
  },
  path,
  readOnly: true,
});
const tokenSeconds = 3_600;

export const mountsOf = (mounts: readonly Mount[]): VolumeMount[] =>
  mounts.map(({ volume, path, readOnly }) => ({ name: volume.name, mountPath: path, readOnly }));

const containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
};

/** A container with the mounts that it sees. */
export const container = (own: Container, mounts: readonly Mount[]): Container => ({
  ...own,
  securityContext: containerSecurity,
  volumeMounts: mountsOf(mounts),
});

export interface PodParts {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly mounts: readonly Mount[];
  /** Apart from each other, by zone and by node. Absent: it does not matter. */
  readonly spread?: Readonly<Record<string, string>>;
  /** Never two on one node. @default if it can be */
  readonly apart?: boolean;
  readonly graceSeconds: number;
  readonly own?: Partial<PodSpec>;
}

export function podTemplate(parts: PodParts): kubernetes.types.input.core.v1.PodTemplateSpec {
  const {
    labels,
    annotations,
    serviceAccount,
    containers,
    initContainers,
    mounts,
    spread,
    apart = false,
    graceSeconds,
    own,
  } = parts;
  const once = new Map(mounts.map(({ volume }) => [volume.name, volume]));
  return {
    metadata: { labels, ...(annotations ? { annotations } : {}) },
    spec: {
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: graceSeconds,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: uid,
        runAsGroup: uid,
        fsGroup: uid,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(spread ? { topologySpreadConstraints: spreadOver(spread, apart) } : {}),
      ...(initContainers ? { initContainers: [...initContainers] } : {}),
      containers: [...containers],
      volumes: [...once.values()],
      ...own,
    },
  };
}

const spreadOver = (matchLabels: Readonly<Record<string, string>>, apart: boolean) =>
  ['topology.kubernetes.io/zone', hostname].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: apart && topologyKey === hostname ? 'DoNotSchedule' : 'ScheduleAnyway', // a cluster of one zone still starts
    labelSelector: { matchLabels },
  }));

const hostname = 'kubernetes.io/hostname';

/** GET on the health listener. */
export const probe = (path: '/livez' | '/readyz', own: Readonly<Record<string, number>> = {}) => ({
  httpGet: { path, port: 'health' },
  periodSeconds: 5,
  timeoutSeconds: 2,
  failureThreshold: 3,
  ...own,
});
