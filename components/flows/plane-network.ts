/**
 * What the flows of a plane follow from, as plain values. Addresses are `undefined` while nobody can know them: in a preview, before
 * a balancer or a NAT gateway is made. Which flows there are, and what they are called, never depends on addresses.
 */

/** An address and ports that a plane dials. */
export interface Reach {
  readonly cidr: string;
  /** @default every TCP port for `upstreamCidrs`, 443 elsewhere */
  readonly ports?: readonly number[] | undefined;
}

export type Platform = 'generic' | 'eks' | 'aks' | 'gke';

export interface SiteNetwork {
  readonly name: string;
  readonly platform: Platform;
  /** Identity of the cluster: planes with the same one find each other by selectors. */
  readonly cluster: string;
  /** Addresses from which its planes leave. */
  readonly egressCidrs: readonly string[] | undefined;
  /** Of the cluster's API, as its pods reach it after translation. */
  readonly apiServer: { readonly cidrs: readonly string[] | undefined; readonly port: number };
  /** Networks, and ports in them, of the site's MCP servers. */
  readonly upstreamCidrs: readonly Reach[];
  /** Namespaces of the cluster with MCP servers, and their pods' ports: networks do not always match pods. @default none */
  readonly upstreamNamespaces?:
    | readonly { readonly namespace: string; readonly ports: readonly number[] }[]
    | undefined;
  /** From where balancers ask for the health of pods. @default only the kubelet does */
  readonly balancerCidrs?: readonly string[] | undefined;
  /** Namespace of what scrapes metrics. @default nobody scrapes */
  readonly scrapers?: string | undefined;
  /** AKS: addresses of the login endpoint, where pods exchange their tokens. @default none */
  readonly loginCidrs?: readonly string[] | undefined;
  /** Where the control plane fetches the keys that verify this site's pods. @default nowhere: it has them */
  readonly jwks?: readonly Reach[] | undefined;
}

interface AnyPlane {
  readonly name: string;
  readonly url: string;
  readonly site: SiteNetwork;
  readonly namespace: string;
  /** Addresses at which it is dialled from outside the cluster. */
  readonly ingressCidrs: readonly string[] | undefined;
  /** `host:port` of its Service's cluster name: what planes of the same cluster dial in place of `url`. */
  readonly endpointOverride?: string | undefined;
  /** Who may call it, beside the planes of the federation: `true` is everyone. @default nobody */
  readonly public?: true | readonly string[] | undefined;
  /** Namespaces of its cluster whose pods may call it: networks do not always match pods. @default none */
  readonly callerNamespaces?: readonly string[] | undefined;
  /** @default none */
  readonly idps?: readonly Reach[] | undefined;
  /** @default none */
  readonly otlp?: readonly Reach[] | undefined;
}

export interface GatewayNetwork extends AnyPlane {
  readonly kind: 'gateway';
}

export interface ControlPlaneNetwork extends AnyPlane {
  readonly kind: 'control-plane';
  /** `'cluster'`: pods `postgres` in its own namespace. */
  readonly database: 'cluster' | { readonly cidrs: readonly string[] | undefined; readonly port: number };
  /** ACME directory. @default none */
  readonly acme?: readonly Reach[] | undefined;
  /** DNS servers that challenges are written to and looked up at, by UDP and TCP. @default none; ports: 53 */
  readonly acmeDns?: readonly Reach[] | undefined;
  /** @default none */
  readonly kms?: readonly Reach[] | undefined;
}

export type PlaneNetwork = GatewayNetwork | ControlPlaneNetwork;
