/**
 * A namespace without a NetworkPolicy is open to every pod of its cluster, and its pods reach everything. So each namespace
 * that has pods denies by default, in and out, and no policy opens it again to everyone on every port. Source: Kubernetes,
 * "Network Policies": a pod that no policy selects is not isolated; policies only add.
 */
import { at, type Declared, list, notYetKnown, type Violation, violation } from './declared.ts';
import {
  concerns,
  type Direction,
  isAll,
  type NetworkPolicy,
  namespaceOf,
  networkPolicyOf,
  rulesOf,
  selectsAll,
} from './network-policies.ts';
import { podsOf } from './pods.ts';

export const rule = 'default-deny';

const directions: readonly Direction[] = ['Ingress', 'Egress'];

export function defaultDeny(resources: readonly Declared[]): readonly Violation[] {
  const policies = resources.map(networkPolicyOf).filter((one) => one !== undefined);
  return [...undenied(resources, policies), ...policies.flatMap(openedAgain)];
}

function undenied(resources: readonly Declared[], policies: readonly NetworkPolicy[]): readonly Violation[] {
  const seen = new Set<string>();
  return resources.flatMap((resource) =>
    podsOf(resource).flatMap((pod) => {
      const namespace = namespaceOf({ metadata: { namespace: pod.namespace } });
      const key = JSON.stringify([resource.cluster, namespace]);
      if (typeof namespace !== 'string' || seen.has(key)) return [];
      seen.add(key);
      const here = policies.filter(({ resource: { cluster } }) => cluster === resource.cluster);
      const missing = directions.filter(
        (direction) => !here.some((policy) => mayBe(policy.namespace, namespace) && denies(policy, direction)),
      );
      return missing.length === 0 ? [] : [undeniedIn(namespace, missing, resource)];
    }),
  );
}

function undeniedIn(namespace: string, missing: readonly Direction[], resource: Declared): Violation {
  return violation(rule, resource, {
    path: '',
    expected: `a NetworkPolicy in namespace ${namespace} that denies ${missing.join(' and ')} by default, as it has pods`,
    remedy: `Declare one there with podSelector {}, policyTypes [${missing.join(', ')}] and no rules.`,
  });
}

function mayBe(value: unknown, wanted: string): boolean {
  return value === wanted || value === notYetKnown;
}

function denies(policy: NetworkPolicy, direction: Direction): boolean {
  if (policy.spec === notYetKnown) return true;
  const rules = at(policy.spec, direction === 'Ingress' ? 'ingress' : 'egress');
  return selectsAll(at(policy.spec, 'podSelector')) && concerns(policy, direction) && list(rules).length === 0;
}

function openedAgain(policy: NetworkPolicy): readonly Violation[] {
  return directions
    .flatMap((direction) => rulesOf(policy, direction))
    .filter(({ rule: one, peers, ports }) => one !== notYetKnown && isAll(peers) && isAll(ports))
    .map(({ path }) =>
      violation(rule, policy.resource, {
        path,
        expected: 'a rule that names peers or ports',
        remedy: 'Name whom it is for: a rule without both undoes the default deny of the namespace.',
      }),
    );
}
