/** What every plane needs by itself: names, health, metrics, its cloud's identity, and the addresses it is told to dial. */
import { calledOf, destinations, everyone, type Part, podsIn, podsOf, sources } from './ends.ts';
import type { Flow, FlowPort, PlanePods } from './flow.ts';
import type { PlaneNetwork, Reach } from './plane-network.ts';
import { nameServers, workloadIdentity } from './platforms.ts';
import { ports } from './ports.ts';

export const tcp = (port: number, dialledPort?: number): FlowPort => ({ protocol: 'TCP', port, dialledPort });

/** The port that a URL is dialled at. */
const dialledPort = ({ url }: PlaneNetwork): number => Number(new URL(url).port || ports.https);

/** `host:port` at which one plane finds another. Within a cluster it is the Service: addresses of its own balancers are not seen there. */
export function dials(from: PlaneNetwork, to: PlaneNetwork): string {
  const near = from.site.cluster === to.site.cluster ? to.endpointOverride : undefined;
  return near ?? `${new URL(to.url).hostname}:${dialledPort(to)}`;
}

/** The public door, as those see it who dial the plane's URL. */
export const door = (plane: PlaneNetwork): readonly FlowPort[] => [tcp(ports.tls, dialledPort(plane))];

export function callers(plane: PlaneNetwork, part: Part): readonly Flow[] {
  const { name, public: open, callerNamespaces = [], url } = plane;
  const reason = `Whoever may call ${url} connects to it; it admits nobody without a token.`;
  const called = { reason, to: calledOf(plane, part), ports: door(plane) };
  const near = callerNamespaces.map((namespace) => ({
    id: `callers.${name}.${namespace}`,
    from: podsIn(namespace, 'applications'),
    ...called,
  }));
  if (open === undefined) return near;
  return [
    { id: `callers.${name}`, from: open === true ? everyone : sources(`callers of ${name}`, open), ...called },
    ...near,
  ];
}

export function names(plane: PlaneNetwork, part: Part): readonly Flow[] {
  const { site } = plane;
  return nameServers(site).map(({ id, to }) => ({
    id: `${id}.${plane.name}.${part}`,
    reason: 'Names are looked up at the name servers of the cluster.',
    from: podsOf(plane, part),
    to,
    ports: [
      { protocol: 'UDP', port: ports.dns },
      { protocol: 'TCP', port: ports.dns },
    ],
  }));
}

/** The node asks; balancers do where the site says from where. */
export function health(plane: PlaneNetwork, part: Part, port: number): readonly Flow[] {
  const { name, site } = plane;
  const asked = { to: podsOf(plane, part), ports: [tcp(port)] };
  const kubelet: Flow = {
    id: `kubelet.${name}.${part}`,
    reason: 'The kubelet asks whether the pod lives and can serve; Kubernetes admits the node of a pod without a rule.',
    from: { kind: 'node', says: 'node of the pod' },
    ...asked,
  };
  if (site.balancerCidrs === undefined || part === 'nats') return [kubelet];
  const reason = 'The load balancer sends calls only to pods that say they are ready.';
  return [
    kubelet,
    { id: `balancer.${name}.${part}`, reason, from: sources('load balancer', site.balancerCidrs), ...asked },
  ];
}

export function metrics(plane: PlaneNetwork, part: Part): readonly Flow[] {
  const { name, site } = plane;
  if (site.scrapers === undefined) return [];
  const from = podsIn(site.scrapers, 'scrapers');
  const reason = 'Metrics are read from inside the cluster, and from that namespace alone.';
  return [{ id: `metrics.${name}.${part}`, reason, from, to: podsOf(plane, part), ports: [tcp(ports.metrics)] }];
}

export function identity(plane: PlaneNetwork, part: Part): readonly Flow[] {
  return workloadIdentity(plane.site).map(({ id, reason, to, port }) => ({
    id: `${id}.${plane.name}.${part}`,
    reason,
    from: podsOf(plane, part),
    to,
    ports: [tcp(port)],
  }));
}

export interface Outbound {
  /** First word of the flows' ids. */
  readonly id: string;
  readonly reason: string;
  readonly says: string;
  readonly from: PlanePods;
  readonly reach: readonly Reach[] | undefined;
  readonly otherwise: readonly FlowPort[];
  /** Of the ports that `reach` names. @default TCP */
  readonly protocols?: readonly FlowPort['protocol'][] | undefined;
}

/** One flow a network, so that each is opened at its own ports, and a new one changes no other. */
export function outbound(
  plane: PlaneNetwork,
  { id, reason, says, from, reach = [], otherwise, protocols = ['TCP'] }: Outbound,
): readonly Flow[] {
  return reach.map(({ cidr, ports: named }) => ({
    id: `${id}.${plane.name}.${idOfCidr(cidr)}`,
    reason,
    from,
    to: destinations(says, [cidr]),
    ports: named?.flatMap((port) => protocols.map((protocol) => ({ protocol, port }))) ?? otherwise,
  }));
}

/** A DNS label or two: `10.0.0.0-8`, `v6-fd00---8`. */
const idOfCidr = (cidr: string): string =>
  (cidr.includes(':') ? `v6-${cidr.toLowerCase()}` : cidr).replace(/[:/]/g, '-');
