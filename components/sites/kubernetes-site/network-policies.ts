/**
 * Flows as NetworkPolicies of one cluster: one object for each flow and each of its ends that lies in it, beside a default deny a
 * namespace. Pure. A flow more is an object more, and changes none. A cluster sees an end of its own by selectors and the rest by
 * address; it sees the pod's port where it is entered, and where pods of its own are called, else the port that is dialled.
 */
import type { types } from '@pulumi/kubernetes';
import {
  type Block,
  type End,
  type Flow,
  type FlowPort,
  instanceLabels,
  namespaceLabels,
  type PlanePods,
  type Pods,
} from '../../flows/index.ts';
import { publicMark } from '../../rules/index.ts';

type Spec = types.input.networking.v1.NetworkPolicySpec;
type Peer = types.input.networking.v1.NetworkPolicyPeer;
type Port = types.input.networking.v1.NetworkPolicyPort;

/** Plain: no outputs, no promises. */
export interface Policy {
  readonly apiVersion: 'networking.k8s.io/v1';
  readonly kind: 'NetworkPolicy';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: Spec;
}

const reasonAnnotation = 'portolan.dev/reason';
const labelsOfAll = { 'app.kubernetes.io/part-of': 'portolan', 'app.kubernetes.io/managed-by': 'pulumi' };

/** Nothing in or out of the namespace of a plane, until another policy says so. */
export function defaultDeny({ name: plane, namespace }: { readonly name: string; readonly namespace: string }): Policy {
  const spec: Spec = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
  const reason = 'What no other policy allows is denied, in and out.';
  return policy(namespace, 'default-deny', reason, spec, instanceLabels(plane));
}

/**
 * The policies of a cluster for these flows. Their names depend on ids alone: while addresses are not known they admit nobody, and
 * when they are, only `spec` differs.
 */
export const networkPolicies = (flows: readonly Flow[], cluster: string): readonly Policy[] =>
  flows.flatMap((flow) => [...egress(flow, cluster), ...ingress(flow, cluster)]);

function egress({ id, reason, from, to, ports }: Flow, cluster: string): readonly Policy[] {
  if (!isOurs(from, cluster)) return [];
  const peers = peersOf(to, cluster);
  const seen = ports.map(to.kind === 'pods' || isOurs(to, cluster) ? podPort : dialled);
  const rules = peers === 'nobody' ? [] : [{ ...(peers === 'everyone' ? {} : { to: peers }), ports: seen }];
  const spec: Spec = { podSelector: selects(from), policyTypes: ['Egress'], egress: rules };
  return [policy(from.namespace, `${id}.out`, reason, spec, from.labels)];
}

function ingress({ id, reason, from, to, ports }: Flow, cluster: string): readonly Policy[] {
  if (!isOurs(to, cluster) || from.kind === 'node') return [];
  const peers = peersOf(from, cluster);
  const rules =
    peers === 'nobody' ? [] : [{ ...(peers === 'everyone' ? {} : { from: peers }), ports: ports.map(podPort) }];
  const spec: Spec = { podSelector: selects(to), policyTypes: ['Ingress'], ingress: rules };
  const admitted = policy(to.namespace, `${id}.in`, reason, spec, to.labels);
  return [from.kind === 'world' ? meantForEveryone(admitted) : admitted];
}

/** The policy pack stops what is open to everyone unless the object says that it is meant. */
const meantForEveryone = ({ metadata, ...rest }: Policy): Policy => ({
  ...rest,
  metadata: { ...metadata, annotations: { ...metadata.annotations, [publicMark]: 'true' } },
});

const isOurs = (end: End, cluster: string): end is PlanePods => end.kind === 'plane' && end.cluster === cluster;

/** An empty list of peers is everyone to Kubernetes, so nobody must be no rule at all. */
function peersOf(end: End, cluster: string): 'everyone' | 'nobody' | Peer[] {
  switch (end.kind) {
    case 'world':
      return 'everyone';
    case 'node':
      return 'nobody';
    case 'pods':
      return [selectsPods(end)];
    case 'networks':
      return blocks(end.blocks);
    case 'plane':
      return end.cluster === cluster ? [selectsPods(end)] : blocks(end.outside?.map((cidr) => ({ cidr })));
  }
}

const selectsPods = (end: Pods | PlanePods): Peer => ({
  namespaceSelector: { matchLabels: namespaceLabels(end.namespace) },
  podSelector: selects(end),
});

function blocks(known: readonly Block[] = []): 'nobody' | Peer[] {
  if (known.length === 0) return 'nobody';
  return known.map(({ cidr, except }) => ({
    ipBlock: except === undefined ? { cidr } : { cidr, except: [...except] },
  }));
}

const selects = ({ labels }: Pods | PlanePods) =>
  Object.keys(labels).length === 0 ? {} : { matchLabels: { ...labels } };

const podPort = ({ protocol, port, endPort }: FlowPort): Port =>
  endPort === undefined ? { protocol, port } : { protocol, port, endPort };

const dialled = ({ dialledPort, ...port }: FlowPort): Port => podPort({ ...port, port: dialledPort ?? port.port });

function policy(
  namespace: string,
  name: string,
  reason: string,
  spec: Spec,
  own: Policy['metadata']['labels'],
): Policy {
  const metadata = { name, namespace, labels: { ...own, ...labelsOfAll }, annotations: { [reasonAnnotation]: reason } };
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec };
}
