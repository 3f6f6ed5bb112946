/** Pods inside Kubernetes objects: those that are one, and those that make them from a template. */
import { at, type Declared, kindOf, kubernetesGroup, list, notYetKnown, record, text } from './declared.ts';

export interface Pod {
  /** Of the pod's spec inside the object: `spec.template.spec`. */
  readonly path: string;
  readonly spec: unknown;
  readonly labels: unknown;
  /** As declared; Kubernetes takes `default` where there is none. */
  readonly namespace: unknown;
}

export interface Container {
  readonly path: string;
  readonly container: unknown;
}

const template = ['spec', 'template'];

/** Kind → keys from the object to what has the pod's `metadata` and `spec`. */
const holders: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  PodTemplate: ['template'],
  Deployment: template,
  ReplicaSet: template,
  ReplicationController: template,
  StatefulSet: template,
  DaemonSet: template,
  Job: template,
  CronJob: ['spec', 'jobTemplate', ...template],
};

/** Custom resources are not looked into: what their controllers make is judged by the API server alone. */
const groups = new Set(['', 'apps', 'batch', 'extensions']);

export function podsOf(resource: Declared): readonly Pod[] {
  if (!groups.has(kubernetesGroup(resource) ?? 'none')) return [];
  const kind = kindOf(resource);
  const items = kind.endsWith('List') ? list(at(resource.props, 'items')) : undefined;
  if (items === undefined) return podIn(kind, resource.props, '');
  return items.flatMap((item, index) =>
    podIn(text(at(item, 'kind')) ?? kind.slice(0, -'List'.length), item, `items[${index}].`),
  );
}

function podIn(kind: string, object: unknown, prefix: string): readonly Pod[] {
  const keys = Object.hasOwn(holders, kind) ? holders[kind] : undefined;
  if (keys === undefined) return [];
  const spec = at(object, ...keys, 'spec');
  if (spec === undefined || spec === notYetKnown) return [];
  const path = prefix + [...keys, 'spec'].join('.');
  return [
    { path, spec, labels: at(object, ...keys, 'metadata', 'labels'), namespace: at(object, 'metadata', 'namespace') },
  ];
}

export function containersOf({ path, spec }: Pod): readonly Container[] {
  return ['initContainers', 'containers', 'ephemeralContainers'].flatMap((kind) =>
    list(record(spec)[kind])
      .map((container, index) => ({ path: `${path}.${kind}[${index}]`, container }))
      .filter(({ container }) => container !== notYetKnown),
  );
}
