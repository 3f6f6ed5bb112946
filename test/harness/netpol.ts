/**
 * What a cluster with these NetworkPolicies lets through, by the rules of networking.k8s.io/v1: policies add up, each direction is isolated by
 * itself, and both ends must allow. Pure. Judges objects as an API server holds them, so it parses them first and refuses what one would refuse.
 *
 * Left open by the specification, and chosen here: an `ipBlock` matches a pod only where the pod has an `ip` (Cilium: leave it out); a host-network
 * pod is its node.
 */
import { BlockList } from 'node:net';
import { NetworkPolicyObject } from './netpol-schema.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Pod {
  readonly kind: 'pod';
  readonly namespace: string;
  readonly labels: Labels;
  /** Container ports by name. */
  readonly ports?: readonly { readonly name: string; readonly port: number; readonly protocol?: Protocol }[];
  readonly node?: string;
  readonly ip?: string;
}

/** Anything that is no pod of this cluster. A node is one more address, but to its own pods. */
export interface Address {
  readonly kind: 'address';
  readonly ip: string;
  readonly node?: string;
}

export type Endpoint = Pod | Address;
export type Protocol = 'TCP' | 'UDP' | 'SCTP';

/** As the packet arrives: at a pod after translation, elsewhere as dialled. */
export interface Port {
  readonly port: number;
  readonly protocol?: Protocol;
}

export interface Cluster {
  /** Namespace → labels. `kubernetes.io/metadata.name` is added, as the API server does. */
  readonly namespaces: Readonly<Record<string, Labels>>;
  /** As rendered; each is parsed. */
  readonly policies: readonly unknown[];
}

type Selector = NonNullable<NetworkPolicyObject['spec']['podSelector']>;
type Ports = NonNullable<NonNullable<NetworkPolicyObject['spec']['ingress']>[number]['ports']>;
type Peer = NonNullable<NonNullable<NetworkPolicyObject['spec']['ingress']>[number]['from']>[number];
type Direction = 'Ingress' | 'Egress';

/** Of either direction. */
interface Rule {
  readonly peers?: readonly Peer[] | undefined;
  readonly ports?: Ports | undefined;
}

export type CanConnect = (from: Endpoint, to: Endpoint, port: Port) => boolean;

/** Throws for an object that is no valid NetworkPolicy. */
export function networkOf({ namespaces, policies }: Cluster): CanConnect {
  const parsed = policies.map((policy) => NetworkPolicyObject.parse(policy));
  const byNamespace = Map.groupBy(parsed, (policy) => policy.metadata.namespace);
  const labelsOf = (name: string): Labels => ({ ...namespaces[name], 'kubernetes.io/metadata.name': name });
  const known = { Ingress: new Map<Pod, readonly Rule[] | 'free'>(), Egress: new Map<Pod, readonly Rule[] | 'free'>() };
  const rulesFor = (direction: Direction, pod: Pod): readonly Rule[] | 'free' => {
    const found = known[direction].get(pod) ?? isolation(byNamespace.get(pod.namespace) ?? [], direction, pod);
    known[direction].set(pod, found);
    return found;
  };
  const allows = (direction: Direction, own: Endpoint, other: Endpoint, to: Endpoint, port: Port): boolean => {
    if (own.kind === 'address') return true;
    const rules = rulesFor(direction, own);
    if (rules === 'free') return true;
    return rules.some(
      ({ peers, ports }) => portMatches(ports, to, port) && peersMatch(peers, own.namespace, other, labelsOf),
    );
  };
  return (from, to, port) =>
    from === to ||
    sharesNode(from, to) ||
    (allows('Egress', from, to, to, port) && allows('Ingress', to, from, to, port));
}

/** What a pod may do in one direction: everything, unless a policy of its namespace selects it for that direction. */
function isolation(
  all: readonly NetworkPolicyObject[],
  direction: Direction,
  { labels }: Pod,
): readonly Rule[] | 'free' {
  const isolating = all.filter(({ spec }) => typesOf(spec).has(direction) && selects(spec.podSelector, labels));
  return isolating.length === 0 ? 'free' : isolating.flatMap(({ spec }) => rulesOf(spec, direction));
}

/** "Traffic to and from the node where a Pod is running is always allowed." */
const sharesNode = (one: Endpoint, other: Endpoint): boolean =>
  one.kind !== other.kind && one.node !== undefined && one.node === other.node;

/** Without `policyTypes`, a policy is of Ingress, and of Egress if it has rules for it. */
function typesOf({ policyTypes = [], egress = [] }: NetworkPolicyObject['spec']): ReadonlySet<Direction> {
  if (policyTypes.length > 0) return new Set(policyTypes);
  return new Set(egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress']);
}

function rulesOf({ ingress = [], egress = [] }: NetworkPolicyObject['spec'], direction: Direction): readonly Rule[] {
  if (direction === 'Ingress') return ingress.map(({ from, ports }) => ({ peers: from, ports }));
  return egress.map(({ to, ports }) => ({ peers: to, ports }));
}

/** No peers are all peers. */
function peersMatch(
  peers: readonly Peer[] = [],
  own: string,
  other: Endpoint,
  labelsOf: (namespace: string) => Labels,
): boolean {
  return peers.length === 0 || peers.some((peer) => peerMatches(peer, own, other, labelsOf));
}

function peerMatches(
  { ipBlock, namespaceSelector, podSelector }: Peer,
  own: string,
  other: Endpoint,
  labelsOf: (namespace: string) => Labels,
): boolean {
  if (ipBlock !== undefined) {
    if (other.ip === undefined) return false;
    const { ip } = other;
    return within(ipBlock.cidr, ip) && !(ipBlock.except ?? []).some((one) => within(one, ip));
  }
  if (other.kind === 'address') return false;
  const inNamespace =
    namespaceSelector === undefined ? other.namespace === own : selects(namespaceSelector, labelsOf(other.namespace));
  return inNamespace && selects(podSelector, other.labels);
}

/** No ports are all ports; a name is looked up at the pod that is called, so it never matches an address. */
function portMatches(ports: Ports = [], to: Endpoint, { port: asked, protocol: spoken = 'TCP' }: Port): boolean {
  if (ports.length === 0) return true;
  return ports.some(({ port, endPort, protocol = 'TCP' }) => {
    if (protocol !== spoken) return false;
    if (port === undefined) return true;
    if (typeof port === 'number') return asked >= port && asked <= (endPort ?? port);
    const named = to.kind === 'pod' ? (to.ports ?? []) : [];
    return named.some((one) => one.name === port && one.port === asked && (one.protocol ?? 'TCP') === spoken);
  });
}

/** All of it must hold; nothing asked is everything selected. */
function selects({ matchLabels = {}, matchExpressions = [] }: Selector = {}, labels: Labels): boolean {
  const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  const held = matchExpressions.every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'DoesNotExist') return value === undefined;
    const among = value !== undefined && values.includes(value);
    return operator === 'In' ? among : !among;
  });
  return equal && held;
}

function within(cidr: string, ip: string): boolean {
  const [network = '', prefix] = cidr.split('/');
  const family = network.includes(':') ? 'ipv6' : 'ipv4';
  if (ip.includes(':') !== (family === 'ipv6')) return false;
  if (family === 'ipv4') return inside(network, Number(prefix), ip);
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), family);
  return list.check(ip, family);
}

const bits = (ip: string): number => ip.split('.').reduce((value, part) => value * 256 + Number(part), 0);
const inside = (network: string, prefix: number, ip: string): boolean => {
  const size = 2 ** (32 - prefix);
  return Math.floor(bits(network) / size) === Math.floor(bits(ip) / size);
};
