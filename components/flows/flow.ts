/**
 * A flow: who may open a connection to whom, and why. What is no flow is denied. Flows are plain data: a site renders them as its own
 * rules (NetworkPolicies, cloud firewalls), `portolan flows` prints them.
 */

export interface Flow {
  /** Stable, unique in a federation, a DNS subdomain: `calls.aws.azure`. */
  readonly id: string;
  /** Why it must be, in one sentence. */
  readonly reason: string;
  readonly from: End;
  readonly to: End;
  readonly ports: readonly FlowPort[];
  /** `host:port` that the caller dials, where a plane is called: its URL, or its Service where both are in one cluster. */
  readonly dials?: string | undefined;
}

export interface FlowPort {
  readonly protocol: 'TCP' | 'UDP';
  /** As the destination's pod sees it, after every translation: 8443 for a public 443. NetworkPolicies match this one. */
  readonly port: number;
  /** Last port of a range that begins with `port`. @default `port` alone */
  readonly endPort?: number | undefined;
  /** What the caller dials where balancers or Services translate; rules that see the packet before that match this one. @default `port` */
  readonly dialledPort?: number | undefined;
}

export type End = PlanePods | Pods | Networks | World | Node;

/** Pods of a plane. Its site makes the rules of this end. */
export interface PlanePods {
  readonly kind: 'plane';
  readonly says: string;
  /** Identity of the cluster: two ends with the same one find each other by selectors, never by address. */
  readonly cluster: string;
  readonly namespace: string;
  /** All of them. */
  readonly labels: Readonly<Record<string, string>>;
  /** CIDRs that others see: of the caller, where it leaves its site; of the called, where it is dialled. `undefined`: not known yet. */
  readonly outside?: readonly string[] | undefined;
}

/** Other pods of the cluster (its DNS, its monitoring): their rules are their owners'. */
export interface Pods {
  readonly kind: 'pods';
  readonly says: string;
  readonly namespace: string;
  /** None: every pod of the namespace. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface Networks {
  readonly kind: 'networks';
  readonly says: string;
  /** `undefined`: not known yet (preview, before addresses are made). Rules of it admit nobody until it is. */
  readonly blocks: readonly Block[] | undefined;
}

export interface Block {
  readonly cidr: string;
  /** What lies strictly within and is not meant: the clouds' metadata services. @default none */
  readonly except?: readonly string[] | undefined;
}

/** Everyone, inside the cluster and outside. */
export interface World {
  readonly kind: 'world';
  readonly says: string;
}

/** The node that a pod runs on. Kubernetes always admits it, so no rule says so. */
export interface Node {
  readonly kind: 'node';
  readonly says: string;
}
