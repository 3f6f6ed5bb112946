/**
 * Nothing is open to the whole Internet by accident: not through a NetworkPolicy, not through a load balancer, whose source
 * ranges are 0.0.0.0/0 when none are given; one that keeps the caller's address (`externalTrafficPolicy: Local`) leaves it to the
 * NetworkPolicies of its pods, which are judged by themselves. Who means it says so on the object: `portolan.dev/public: "true"`, as a label or an
 * annotation; that opens the doors with a proof of identity (443 and NATS), and no other.
 */
import {
  at,
  type Declared,
  isAbsent,
  isKubernetes,
  list,
  notYetKnown,
  text,
  type Violation,
  violation,
} from './declared.ts';
import { isAll, networkPolicyOf, rulesOf, type TrafficRule } from './network-policies.ts';

export const rule = 'no-open-443';

export const publicMark = 'portolan.dev/public';

/** Ports of a pod or of its Service that may be public, by number and by name. */
const publicDoors = new Set<unknown>([443, 8443, 'tls', 4222, 'nats']);

const remedy = `Name the networks that may come in, or say that everyone may: label ${publicMark}: "true".`;

export function noOpen443(resource: Declared): readonly Violation[] {
  return [...openIngress(resource), ...openBalancer(resource)];
}

/** Whether the object says that everyone may come. An unknown mark is taken for one. */
function isPublic({ props }: Declared): boolean {
  return ['labels', 'annotations'].some((where) => {
    const mark = at(props, 'metadata', where, publicMark);
    return mark === 'true' || mark === notYetKnown;
  });
}

function openIngress(resource: Declared): readonly Violation[] {
  const policy = networkPolicyOf(resource);
  if (policy === undefined) return [];
  return rulesOf(policy, 'Ingress').flatMap((one) => {
    if (one.rule === notYetKnown || one.peers === notYetKnown || !admitsWorld(one)) return [];
    if (isPublic(resource) && opensPublicDoorsOnly(one.ports)) return [];
    const expected = isPublic(resource)
      ? 'a public rule to open port 443 (in the pod: tls, 8443) or NATS (nats, 4222) alone'
      : 'a rule that does not admit the whole Internet';
    const path = isAll(one.peers) ? one.path : `${one.path}.from`;
    return [violation(rule, resource, { path, expected, remedy: isPublic(resource) ? 'Name the port.' : remedy })];
  });
}

function admitsWorld({ peers }: TrafficRule): boolean {
  return isAll(peers) || list(peers).some((peer) => isWorld(at(peer, 'ipBlock', 'cidr')));
}

function opensPublicDoorsOnly(ports: unknown): boolean {
  if (ports === notYetKnown) return true;
  const all = list(ports);
  return (
    all.length > 0 &&
    all.every((one) => isAbsent(at(one, 'endPort')) && [...publicDoors, notYetKnown].includes(at(one, 'port')))
  );
}

/** An address block of an eighth of all addresses or more, as two halves and 2000::/3 are; what it leaves out does not count. */
export function isWorld(cidr: unknown): boolean {
  const prefix = /^\s*[0-9a-fA-F:.]+\/(\d+)\s*$/.exec(text(cidr) ?? '')?.[1];
  return prefix !== undefined && Number(prefix) <= 3;
}

/** Annotations by which clouds keep a balancer inside the network. */
const internal: readonly (readonly [string, RegExp])[] = [
  ['service.beta.kubernetes.io/aws-load-balancer-scheme', /^internal$/],
  ['service.beta.kubernetes.io/aws-load-balancer-internal', /^true$/],
  ['service.beta.kubernetes.io/azure-load-balancer-internal', /^true$/],
  ['networking.gke.io/load-balancer-type', /^internal$/i],
  ['cloud.google.com/load-balancer-type', /^internal$/i],
];

/** Azure's own list of source ranges. */
const azureRanges = 'service.beta.kubernetes.io/azure-allowed-ip-ranges';

function openBalancer(resource: Declared): readonly Violation[] {
  if (!isKubernetes(resource, '', 'Service') || at(resource.props, 'spec', 'type') !== 'LoadBalancer') return [];
  const annotations = at(resource.props, 'metadata', 'annotations');
  const isInternal = internal.some(([key, wanted]) => {
    const value = at(annotations, key);
    return value === notYetKnown || wanted.test(text(value) ?? '');
  });
  const ranges = sourceRanges(resource, annotations);
  if (isPublic(resource) || isInternal || ranges === notYetKnown) return [];
  const open = isAll(ranges) ? !keepsAddresses(resource) : list(ranges).some(isWorld);
  if (!open) return [];
  const expected = 'source ranges that are not the whole Internet; without any, the balancer admits everyone';
  return [
    violation(rule, resource, {
      path: 'spec.loadBalancerSourceRanges',
      expected,
      remedy: `${remedy} Or keep callers' addresses, so that NetworkPolicies judge them: externalTrafficPolicy: Local.`,
    }),
  ];
}

/** NetworkPolicies see who calls. An unknown policy is taken for that. */
function keepsAddresses({ props }: Declared): boolean {
  const policy = at(props, 'spec', 'externalTrafficPolicy');
  return policy === 'Local' || policy === notYetKnown;
}

function sourceRanges(resource: Declared, annotations: unknown): unknown {
  const ranges = at(resource.props, 'spec', 'loadBalancerSourceRanges');
  const azure = at(annotations, azureRanges);
  if (!isAll(ranges) || isAbsent(azure) || azure === notYetKnown)
    return isAll(ranges) && azure === notYetKnown ? azure : ranges;
  return (text(azure) ?? '').split(',');
}
