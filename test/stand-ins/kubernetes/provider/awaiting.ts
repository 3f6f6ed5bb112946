/** Waits until an object is ready, or gone, and says at the end of time what it was waiting for and what the cluster says about it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../api.ts';
import { describe, type Identity } from './identity.ts';
import type { Objects } from './objects.ts';
import { needsEndpoints, troubles, type Verdict, verdictOf } from './readiness.ts';

const pollMs = 200;
const mostReasons = 6;

type Placed = Identity & { readonly path: string };

/** It exists, and is not what it should be. */
export class NotReady extends Error {
  readonly live: KubeObject;
  readonly reasons: readonly string[];
  constructor(message: string, live: KubeObject, reasons: readonly string[]) {
    super(message);
    this.live = live;
    this.reasons = reasons;
  }
}

/** Throws NotReady. @param seconds How long at most. */
export async function untilReady(
  objects: Objects,
  at: Placed,
  applied: KubeObject,
  seconds: number,
  signal: AbortSignal,
) {
  const deadline = Date.now() + seconds * 1000;
  let live = applied;
  for (;;) {
    const verdict = await judge(objects, live, signal);
    if (verdict.ready) return live;
    if (verdict.final || Date.now() > deadline) {
      const reasons = [verdict.why, ...(await reasonsFor(objects, live, signal))].slice(0, mostReasons);
      const how = verdict.final ? 'it will not become ready' : `it is not ready after ${seconds} s`;
      throw new NotReady(`${describe(at)}: ${how}: ${reasons.join('; ')}`, live, reasons);
    }
    await delay(pollMs, undefined, { signal });
    const found = await objects.find(at.path, signal);
    if (found === undefined)
      throw new NotReady(`${describe(at)}: someone deleted it while it was awaited`, live, ['it is gone']);
    live = found;
  }
}

/** Why an object that exists is not as it should be, now; undefined where it is. */
export async function whyNotReady(objects: Objects, at: Placed, live: KubeObject, signal: AbortSignal) {
  const verdict = await judge(objects, live, signal);
  return verdict.ready ? undefined : `${describe(at)}: ${verdict.why}`;
}

/** What the object alone cannot tell: whether pods stand behind a Service, and whether a claim waits for its first pod. */
async function judge(objects: Objects, live: KubeObject, signal: AbortSignal): Promise<Verdict> {
  const verdict = verdictOf(live);
  const skips = live.metadata.annotations?.['pulumi.com/skipAwait'] === 'true';
  if (verdict.ready && !skips && needsEndpoints(live) && !(await hasEndpoints(objects, live, signal)))
    return { ready: false, why: 'no pod that its selector finds is ready' };
  if (!verdict.ready && live.kind === 'PersistentVolumeClaim' && (await waitsForPod(objects, live, signal)))
    return { ready: true };
  return verdict;
}

async function hasEndpoints(objects: Objects, { metadata }: KubeObject, signal: AbortSignal): Promise<boolean> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${metadata.namespace}/endpointslices`;
  const query = { labelSelector: `kubernetes.io/service-name=${metadata.name}` };
  const slices = await objects.list<{ endpoints?: { conditions?: { ready?: boolean } }[] | null }>(path, query, signal);
  return slices.some(({ endpoints }) => endpoints?.some(({ conditions }) => conditions?.ready === true));
}

async function waitsForPod(objects: Objects, live: KubeObject, signal: AbortSignal): Promise<boolean> {
  const { storageClassName } = live.spec as { storageClassName?: string };
  if (!storageClassName) return false;
  const found = await objects.find(`/apis/storage.k8s.io/v1/storageclasses/${storageClassName}`, signal);
  return found?.volumeBindingMode === 'WaitForFirstConsumer';
}

interface Event {
  readonly type: string;
  readonly reason?: string;
  readonly message?: string;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

/** Conditions, and warnings about the object and what it made: their names begin with its name. */
async function reasonsFor(objects: Objects, live: KubeObject, signal: AbortSignal): Promise<string[]> {
  const { name, namespace } = live.metadata;
  if (namespace === undefined) return troubles(live);
  const path = `/api/v1/namespaces/${namespace}/events`;
  const events = await objects.list<Event>(path, { fieldSelector: 'type=Warning' }, signal).catch(() => []);
  const ours = events.filter(({ involvedObject: { name: of } }) => of === name || of.startsWith(`${name}-`));
  const said = ours.map(
    ({ reason, message, involvedObject: { kind, name: of } }) => `${kind} ${of}: ${reason}: ${message}`,
  );
  return [...new Set([...troubles(live), ...(await podTroubles(objects, live, signal)), ...said.reverse()])];
}

interface PodStatus {
  readonly containerStatuses?: readonly { name: string; state?: { waiting?: { reason?: string; message?: string } } }[];
}

async function podTroubles(objects: Objects, live: KubeObject, signal: AbortSignal): Promise<string[]> {
  const labels = (live.spec as { selector?: { matchLabels?: Record<string, string> } } | undefined)?.selector
    ?.matchLabels;
  if (labels === undefined) return [];
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const path = `/api/v1/namespaces/${live.metadata.namespace}/pods`;
  const pods = await objects.list<KubeObject>(path, { labelSelector }, signal).catch(() => []);
  return pods.flatMap((pod) => {
    const { containerStatuses = [] } = (pod.status ?? {}) as PodStatus;
    const waiting = containerStatuses.flatMap(({ name, state }) =>
      state?.waiting?.reason ? [`container ${name}: ${state.waiting.reason}: ${state.waiting.message ?? ''}`] : [],
    );
    return [...waiting, ...troubles(pod)].map((one) => `Pod ${pod.metadata.name}: ${one}`);
  });
}

/** Deletes what is at `at.path` now, and waits until that is gone. Nothing to do where nothing is. */
export async function untilGone(objects: Objects, at: Placed, seconds: number, signal: AbortSignal): Promise<void> {
  const found = await objects.find(at.path, signal);
  if (found === undefined) return;
  const { uid = '', annotations = {} } = found.metadata;
  const policy = annotations['pulumi.com/deletionPropagationPolicy'] ?? 'foreground';
  await objects.startDeletion(at.path, uid, `${policy[0]?.toUpperCase()}${policy.slice(1)}`, signal);
  if (annotations['pulumi.com/skipAwait'] === 'true') return;
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const left = await objects.find(at.path, signal);
    if (left === undefined || left.metadata.uid !== uid) return;
    if (Date.now() > deadline) {
      const finalizers = (left.metadata.finalizers as string[] | undefined)?.join(', ') || 'none';
      const why = troubles(left).join('; ') || 'nothing more is known';
      throw new Error(`${describe(at)}: it is being deleted for ${seconds} s; finalizers: ${finalizers}; ${why}`);
    }
    await delay(pollMs, undefined, { signal });
  }
}
