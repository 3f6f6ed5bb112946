/** NetworkPolicies (networking.k8s.io/v1) as values: whom they select, what they admit. */
import { at, type Declared, isAbsent, isKubernetes, list, notYetKnown, record } from './declared.ts';

export type Direction = 'Ingress' | 'Egress';

export interface NetworkPolicy {
  readonly resource: Declared;
  readonly spec: unknown;
  readonly namespace: unknown;
}

export interface TrafficRule {
  /** `spec.ingress[0]` */
  readonly path: string;
  readonly rule: unknown;
  /** `from` or `to`: undefined is everyone. */
  readonly peers: unknown;
  /** Undefined is every port. */
  readonly ports: unknown;
}

export function networkPolicyOf(resource: Declared): NetworkPolicy | undefined {
  if (!isKubernetes(resource, 'networking', 'NetworkPolicy')) return undefined;
  return { resource, spec: at(resource.props, 'spec'), namespace: namespaceOf(resource.props) };
}

/** Where an object lives; Kubernetes takes `default` where there is none. */
export function namespaceOf(object: unknown): unknown {
  const namespace = at(object, 'metadata', 'namespace');
  return isAbsent(namespace) ? 'default' : namespace;
}

/** Which directions a policy closes and opens. Without policyTypes: in, and out only if it has rules for it. */
export function concerns({ spec }: NetworkPolicy, direction: Direction): boolean {
  const types = at(spec, 'policyTypes');
  if (Array.isArray(types)) return types.includes(direction);
  return direction === 'Ingress' || list(at(spec, 'egress')).length > 0;
}

export function rulesOf({ spec }: NetworkPolicy, direction: Direction): readonly TrafficRule[] {
  const [key, peers] = direction === 'Ingress' ? ['ingress', 'from'] : ['egress', 'to'];
  return list(at(spec, key)).map((rule, index) => ({
    path: `spec.${key}[${index}]`,
    rule,
    peers: at(rule, peers),
    ports: at(rule, 'ports'),
  }));
}

/** No peers, or no ports, named: Kubernetes reads both an absent and an empty list as "all". */
export function isAll(value: unknown): boolean {
  return isAbsent(value) || (Array.isArray(value) && value.length === 0);
}

export function selectsAll(selector: unknown): boolean {
  return (
    typeof selector === 'object' &&
    selector !== null &&
    Object.keys(record(at(selector, 'matchLabels'))).length === 0 &&
    list(at(selector, 'matchExpressions')).length === 0 &&
    at(selector, 'matchLabels') !== notYetKnown &&
    at(selector, 'matchExpressions') !== notYetKnown
  );
}
