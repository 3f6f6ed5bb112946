/** What a node writes of a pod: phase, conditions, containers. Pure. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ */
import type { ContainerStatus, Pod } from './objects.ts';

export interface PodView {
  readonly pod: Pod;
  readonly podIp: string | undefined;
  readonly hostIp: string;
  readonly startTime: string;
  readonly init: readonly ContainerStatus[];
  readonly containers: readonly ContainerStatus[];
  readonly initialized: boolean;
}

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly lastTransitionTime: string;
}

export function statusOf(view: PodView, before: readonly Condition[]) {
  const { pod, podIp, hostIp, startTime, init, containers, initialized } = view;
  const phase = phaseOf(view);
  const over = phase === 'Succeeded' || phase === 'Failed';
  const sidecars = init.filter((_, at) => pod.spec.initContainers?.[at]?.restartPolicy === 'Always');
  const ready = initialized && !over && [...containers, ...sidecars].every((one) => one.ready);
  const states: Record<string, boolean> = {
    PodReadyToStartContainers: podIp !== undefined,
    Initialized: initialized,
    Ready: ready,
    ContainersReady: ready,
    PodScheduled: true,
  };
  const conditions = Object.entries(states).map(([type, is]) => conditionOf(type, is, before));
  const addresses = podIp ? { podIP: podIp, podIPs: [{ ip: podIp }] } : {};
  const lists = { containerStatuses: containers, ...(init.length > 0 && { initContainerStatuses: init }) };
  return { phase, conditions, hostIP: hostIp, hostIPs: [{ ip: hostIp }], ...addresses, startTime, ...lists };
}

function conditionOf(type: string, is: boolean, before: readonly Condition[]): Condition {
  const status = is ? 'True' : 'False';
  const old = before.find((one) => one.type === type);
  return {
    type,
    status,
    lastTransitionTime: old?.status === status ? old.lastTransitionTime : new Date().toISOString(),
  };
}

function phaseOf({ pod, init, containers, initialized }: PodView): string {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const ends = containers.map(({ state }) => state.terminated?.exitCode);
  if (
    policy === 'Never' &&
    init.some(
      ({ state }, at) =>
        pod.spec.initContainers?.[at]?.restartPolicy !== 'Always' && (state.terminated?.exitCode ?? 0) !== 0,
    )
  )
    return 'Failed';
  if (!initialized) return 'Pending';
  if (policy !== 'Always' && ends.every((code) => code === 0)) return 'Succeeded';
  if (policy === 'Never' && ends.every((code) => code !== undefined)) return 'Failed';
  return containers.every(({ state, lastState }) => state.waiting && !lastState.terminated) ? 'Pending' : 'Running';
}
