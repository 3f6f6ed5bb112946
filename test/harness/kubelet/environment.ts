/** A container's environment and command line, as kubelet makes them. Pure but for the reader of Secrets and ConfigMaps. */
import type { Container, EnvVar, Pod } from './objects.ts';

export interface PodFacts {
  readonly podIp: string;
  readonly hostIp: string;
}

/** Answers the data of an object as text by key; undefined where there is none. */
export type ReadData = (
  kind: 'configmaps' | 'secrets',
  name: string,
) => Promise<Readonly<Record<string, Buffer>> | undefined>;

/** Something that a container needs is not there (yet): it waits, as CreateContainerConfigError. */
export class NotConfigured extends Error {}

export async function environmentOf(pod: Pod, container: Container, facts: PodFacts, read: ReadData) {
  const env: Record<string, string> = {};
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const [kind, ref] = configMapRef ? (['configmaps', configMapRef] as const) : (['secrets', secretRef] as const);
    const data = ref && (await read(kind, ref.name));
    if (!data && !ref?.optional) throw new NotConfigured(`${kind} "${ref?.name}" not found`);
    for (const [key, value] of Object.entries(data ?? {})) env[`${prefix}${key}`] = value.toString('utf8');
  }
  for (const one of container.env ?? []) {
    const value = one.valueFrom ? await referred(pod, container, one, facts, read) : expand(one.value ?? '', env);
    if (value !== undefined) env[one.name] = value;
  }
  return env;
}

async function referred(pod: Pod, container: Container, { name, valueFrom }: EnvVar, facts: PodFacts, read: ReadData) {
  if (valueFrom?.fieldRef) return fieldOf(pod, valueFrom.fieldRef.fieldPath, facts);
  if (valueFrom?.resourceFieldRef) return resourceOf(container, valueFrom.resourceFieldRef.resource);
  const [kind, ref] = valueFrom?.secretKeyRef
    ? (['secrets', valueFrom.secretKeyRef] as const)
    : (['configmaps', valueFrom?.configMapKeyRef] as const);
  if (ref === undefined) throw new NotConfigured(`env ${name}: the harness does not know this valueFrom`);
  const found = (await read(kind, ref.name))?.[ref.key];
  if (found === undefined && !ref.optional)
    throw new NotConfigured(`env ${name}: no key ${ref.key} in ${kind} "${ref.name}"`);
  return found?.toString('utf8');
}

/** The downward API. */
export function fieldOf(pod: Pod, path: string, { podIp, hostIp }: PodFacts): string {
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? '';
  const lines = (map: Readonly<Record<string, string>> = {}) =>
    Object.entries(map)
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join('\n');
  const known: Readonly<Record<string, string | undefined>> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'metadata.labels': lines(metadata.labels),
    'metadata.annotations': lines(metadata.annotations),
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName,
    'status.podIP': podIp,
    'status.podIPs': podIp,
    'status.hostIP': hostIp,
    'status.hostIPs': hostIp,
  };
  const value = known[path];
  if (value === undefined)
    throw new NotConfigured(`fieldPath ${path}: the harness knows ${Object.keys(known).join(', ')}`);
  return value;
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  m: 0.001,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** Memory in bytes, CPU in whole ones. */
function resourceOf({ resources }: Container, resource: string): string {
  const text = resources?.limits?.[resource.replace(/^(limits|requests)\./, '')] ?? '0';
  const [, number = '0', unit = ''] = /^([\d.]+)(.*)$/.exec(text) ?? [];
  return String(Math.ceil(Number(number) * (units[unit] ?? 1)));
}

/** `$(NAME)` of what is defined; `$$(` is `$(`. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^)]+)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );
}
