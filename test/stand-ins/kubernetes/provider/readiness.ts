/**
 * When an object is ready, from the object alone, as the official provider awaits it. Pure. Kinds that are not here are
 * ready once they exist.
 */
import type { KubeObject } from '../api.ts';

export type Verdict = { readonly ready: true } | { readonly ready: false; readonly why: string; readonly final?: true };

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Of spec and status what is read here. */
interface Seen {
  readonly spec: {
    readonly replicas?: number;
    readonly type?: string;
    readonly updateStrategy?: { readonly type?: string };
  };
  readonly status: {
    readonly phase?: string;
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly readyReplicas?: number;
    readonly currentRevision?: string;
    readonly updateRevision?: string;
    readonly desiredNumberScheduled?: number;
    readonly numberReady?: number;
    readonly conditions?: readonly Condition[];
    readonly loadBalancer?: { readonly ingress?: readonly object[] };
  };
}

const ready: Verdict = { ready: true };
const waiting = (why: string): Verdict => ({ ready: false, why });
const failed = (why: string): Verdict => ({ ready: false, why, final: true });

const byKind: Readonly<Record<string, (seen: Seen) => Verdict>> = {
  Deployment: ({ spec, status }) => {
    const progressing = condition(status, 'Progressing');
    if (progressing?.status === 'False') return failed(told(progressing));
    const wanted = spec.replicas ?? 1;
    const { updatedReplicas = 0, availableReplicas = 0, replicas = 0 } = status;
    if (updatedReplicas >= wanted && availableReplicas >= wanted && replicas <= wanted) return ready;
    return waiting(`${availableReplicas} of ${wanted} replicas are available, ${updatedReplicas} are of this version`);
  },
  StatefulSet: ({ spec, status }) => {
    const wanted = spec.replicas ?? 1;
    const { readyReplicas = 0, updatedReplicas = 0, updateRevision, currentRevision } = status;
    const updated =
      spec.updateStrategy?.type === 'OnDelete' || updateRevision === currentRevision || updatedReplicas >= wanted;
    if (readyReplicas >= wanted && updated) return ready;
    return waiting(`${readyReplicas} of ${wanted} replicas are ready, ${updatedReplicas} are of this version`);
  },
  DaemonSet: ({ status: { desiredNumberScheduled = 0, numberReady = 0 } }) =>
    numberReady >= desiredNumberScheduled
      ? ready
      : waiting(`${numberReady} of ${desiredNumberScheduled} pods are ready`),
  Job: ({ status }) => {
    const end = condition(status, 'Failed');
    if (end?.status === 'True') return failed(`it failed: ${told(end)}`);
    return condition(status, 'Complete')?.status === 'True' ? ready : waiting('it has not completed');
  },
  Pod: ({ status }) => {
    if (status.phase === 'Succeeded' || condition(status, 'Ready')?.status === 'True') return ready;
    return status.phase === 'Failed' ? failed('it failed') : waiting(`it is ${status.phase ?? 'new'}, not ready`);
  },
  Service: ({ spec, status }) =>
    spec.type !== 'LoadBalancer' || status.loadBalancer?.ingress?.length
      ? ready
      : waiting('it has no address from outside'),
  Namespace: ({ status }) => (status.phase === 'Active' ? ready : waiting(`it is ${status.phase ?? 'new'}`)),
  PersistentVolumeClaim: ({ status }) =>
    status.phase === 'Bound' ? ready : waiting(`it is ${status.phase ?? 'new'}, not bound`),
  CustomResourceDefinition: ({ status }) =>
    condition(status, 'Established')?.status === 'True' ? ready : waiting('it is not established'),
};

export function verdictOf(live: KubeObject): Verdict {
  const judge = byKind[live.kind];
  if (judge === undefined || live.metadata.annotations?.['pulumi.com/skipAwait'] === 'true') return ready;
  const seen: Seen = { spec: (live.spec ?? {}) as Seen['spec'], status: (live.status ?? {}) as Seen['status'] };
  const { observedGeneration } = seen.status;
  if (hasGeneration.has(live.kind) && (observedGeneration ?? 0) < (live.metadata.generation ?? 0))
    return waiting('its controller has not seen this version yet');
  return judge(seen);
}

const hasGeneration: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet']);

/** True for a Service that is of no use before a pod stands behind it. */
export function needsEndpoints(live: KubeObject): boolean {
  const { selector, clusterIP, type } = (live.spec ?? {}) as { selector?: object; clusterIP?: string; type?: string };
  const hasSelector = Object.keys(selector ?? {}).length > 0;
  return live.kind === 'Service' && hasSelector && clusterIP !== 'None' && type !== 'ExternalName';
}

/** Conditions that say what is wrong, as sentences. */
export function troubles(live: KubeObject): string[] {
  const { conditions = [] } = (live.status ?? {}) as Seen['status'];
  const bad = ['ReplicaFailure', 'Failed', 'FailureTarget'];
  return conditions
    .filter(({ type, status }) => (bad.includes(type) ? status === 'True' : status === 'False'))
    .map((one) => `condition ${one.type}: ${told(one)}`);
}

const condition = (status: Seen['status'], type: string): Condition | undefined =>
  status.conditions?.find((one) => one.type === type);

const told = ({ reason = '', message = '' }: Condition): string => [reason, message].filter(Boolean).join(': ');
