/**
 * What a rule judges and what it says. Rules are pure: they get values as a program, an engine or a test has them, of any
 * shape, and never throw because of one.
 */

/**
 * Stands for a value that only an update will know. No rule refuses it: the preview cannot know, and the update asks again
 * with the value itself, before it makes anything.
 */
export const notYetKnown: unique symbol = Symbol('not yet known');

export interface Declared {
  /** Type token of the engine: `kubernetes:apps/v1:Deployment`. */
  readonly type: string;
  readonly name: string;
  readonly props: unknown;
  /** Tells clusters of one program apart, as the URN of a provider does. Default: one cluster. */
  readonly cluster?: string | undefined;
  /** Given back in a violation, so that whoever asked can point at the resource. */
  readonly urn?: string | undefined;
}

export interface Violation {
  /** Name of the rule: `image-by-digest`. */
  readonly rule: string;
  /** `Deployment(gateway-aws)`. */
  readonly resource: string;
  /** Where in the resource: `spec.template.spec.containers[0].image`. Never a value. */
  readonly path: string;
  readonly expected: string;
  /** What to do, as a sentence or a command. */
  readonly remedy: string;
  readonly urn?: string | undefined;
}

/** Judges one resource by itself. */
export type ResourceRule = (resource: Declared) => readonly Violation[];

/** Judges what a program declares as a whole. */
export type StackRule = (resources: readonly Declared[]) => readonly Violation[];

type Finding = Pick<Violation, 'path' | 'expected' | 'remedy'>;

export function violation(rule: string, resource: Declared, finding: Finding): Violation {
  const { path, expected, remedy } = finding;
  return { rule, resource: `${kindOf(resource)}(${resource.name})`, path, expected, remedy, urn: resource.urn };
}

/** As one sentence for a person. */
export function violationText({ resource, path, expected, remedy }: Violation): string {
  return `${resource}${path === '' ? '' : `.${path}`}: expected ${expected}. ${remedy}`;
}

/** `Deployment`: of a Kubernetes object, or the last word of any other type token. Server-side patches count as the object. */
export function kindOf({ type, props }: Declared): string {
  const last = type.split(/[:/]/).at(-1) ?? type;
  if (!type.startsWith('kubernetes:')) return last;
  const declared = record(props).kind;
  return typeof declared === 'string' ? declared : last.replace(/Patch$/, '');
}

/** API group of a Kubernetes object, empty for the core group; undefined for anything else. */
export function kubernetesGroup({ type }: Declared): string | undefined {
  const group = /^kubernetes:([^:]+?)(?:\/[^:/]+)?:/.exec(type)?.[1];
  return group === 'core' ? '' : group;
}

export function isKubernetes(resource: Declared, group: string, kind: string): boolean {
  const found = kubernetesGroup(resource);
  return (
    found !== undefined &&
    found.replace(/\.k8s\.io$/, '') === group.replace(/\.k8s\.io$/, '') &&
    kindOf(resource) === kind
  );
}

/** The object that a value is, or an empty one. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

/** The list that a value is, or an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What stands at a path of keys, as far as there are objects; `notYetKnown` as soon as one of them is. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys) {
    if (found === notYetKnown) return notYetKnown;
    const holder = record(found);
    found = Object.hasOwn(holder, key) ? holder[key] : undefined;
  }
  return found;
}

/** The string that a value is, or undefined. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
