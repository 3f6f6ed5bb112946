/**
 * Who may reach whom in a federation, said a second time and another way: by asking what two pods are, not by deriving rules. What tests hold
 * the rendered policies against.
 */
import type { PlaneNetwork, SiteNetwork } from '../index.ts';
import { type Federation, plan, planesOf } from './federations.ts';

/** A pod that the test puts into a cluster. */
export interface Inhabitant {
  readonly part:
    | 'gateway'
    | 'control-plane'
    | 'nats'
    | 'postgres'
    | 'job'
    | 'dns'
    | 'scraper'
    | 'application'
    | 'stranger';
  readonly plane?: PlaneNetwork | undefined;
}

export interface Asked {
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
}

const doors: readonly Inhabitant['part'][] = ['gateway', 'control-plane', 'job'];
const controls: readonly Inhabitant['part'][] = ['control-plane', 'job'];
const resolves: readonly Inhabitant['part'][] = ['gateway', 'control-plane', 'job', 'nats'];

/** Two pods of one cluster. Pods that are not ours accept everything, and dial everything. */
export function mayMeet(
  from: Inhabitant,
  to: Inhabitant,
  asked: Asked,
  { platform, upstreamNamespaces }: SiteNetwork,
): boolean {
  if (from.plane === undefined) return to.plane === undefined || mayEnterFromCluster(from, to, asked);
  if (to.plane === undefined) {
    if (
      from.part === 'gateway' &&
      to.part === 'application' &&
      asked.port === 8090 &&
      asked.protocol === 'TCP' &&
      upstreamNamespaces
    )
      return true;
    const toAny = platform === 'eks';
    return resolves.includes(from.part) && asked.port === 53 && (to.part === 'dns' || toAny);
  }
  if (asked.protocol === 'UDP') return false;
  const same = from.plane === to.plane;
  const tls = asked.port === 8443 && doors.includes(to.part);
  const nats = asked.port === 4222 && to.part === 'nats';
  if (from.part === 'gateway') return !same && (tls || nats);
  if (from.part === 'nats') return same && (tls || (asked.port === 6222 && to.part === 'nats'));
  const postgres = asked.port === 5432 && to.part === 'postgres' && hasPostgres(to.plane);
  if (controls.includes(from.part)) return same && (nats || postgres);
  return false;
}

const hasPostgres = (plane: PlaneNetwork) => plane.kind === 'control-plane' && plane.database === 'cluster';

function mayEnterFromCluster(from: Inhabitant, to: Inhabitant, { port, protocol }: Asked): boolean {
  if (protocol === 'UDP' || !doors.includes(to.part)) return false;
  if (port === 8443)
    return to.plane?.public === true || (from.part === 'application' && to.plane?.callerNamespaces !== undefined);
  return port === 9090 && from.part === 'scraper' && to.plane?.site.scrapers !== undefined;
}

/** An address outside dials a pod; the port is the pod's. */
export function mayEnter(from: string, to: Inhabitant, { port, protocol }: Asked, federation: Federation): boolean {
  const { plane } = to;
  if (plane === undefined) return true;
  if (protocol === 'UDP') return false;
  const isDoor = doors.includes(to.part);
  if (port === 8081) return isDoor && from === plan.balancer && plane.site.balancerCidrs !== undefined;
  const gatewayOutside = federation.gateways.some(
    ({ site }) => site !== plane.site && site.egressCidrs?.includes(`${from}/32`),
  );
  if (port === 4222) return to.part === 'nats' && gatewayOutside;
  if (port !== 8443 || !isDoor) return false;
  return gatewayOutside || plane.public === true || (plane.public !== undefined && from === plan.caller);
}

/** A pod dials an address outside; the port is the one that is dialled. */
export function mayLeave(from: Inhabitant, to: string, asked: Asked, federation: Federation): boolean {
  const { plane } = from;
  if (plane === undefined) return true;
  const { site } = plane;
  if (asked.port === 53 && resolves.includes(from.part)) {
    if (site.platform === 'eks') return true;
    if (site.platform === 'gke' && ['169.254.20.10', '169.254.169.254'].includes(to)) return true;
  }
  if (asked.protocol === 'UDP') return false;
  if (from.part === 'gateway')
    return toPeer(plane, to, asked, federation) || toServer(site, to, asked, federation) || toService(plane, to, asked);
  if (from.part === 'job' && to === plan.api(federation.sites.indexOf(site)) && asked.port === 6443) return true;
  if (!controls.includes(from.part)) return false;
  const given = federation.control.database !== 'cluster';
  return toService(plane, to, asked) || (given && to === plan.database && asked.port === 5432);
}

function toPeer(own: PlaneNetwork, to: string, { port }: Asked, federation: Federation): boolean {
  const peer = planesOf(federation).find(({ ingressCidrs }) => ingressCidrs?.includes(`${to}/32`));
  if (peer === undefined || peer.site === own.site) return false;
  return port === 443 || (port === 4222 && peer.kind === 'control-plane');
}

function toServer(site: SiteNetwork, to: string, { port }: Asked, federation: Federation): boolean {
  const at = federation.sites.indexOf(site);
  if (to === plan.server(at)) return port === 8080 || port === 8090;
  return to === plan.openServer(at) && site.upstreamCidrs.length > 1;
}

function toService({ site, idps = [], otlp = [] }: PlaneNetwork, to: string, { port }: Asked): boolean {
  const anyone = idps.some(({ cidr }) => cidr === '0.0.0.0/0') && !/^169\.254\.|:/.test(to) && to !== '168.63.129.16';
  if (port === 443 && (anyone || (idps.length > 0 && to === plan.idp))) return true;
  if (port === 443 && site.platform === 'aks' && to === plan.login) return true;
  if (port === 4317 && otlp.length > 0 && (to === plan.otlp || to === plan.otlp6)) return true;
  if (port === 80 && site.platform === 'eks') return to === '169.254.170.23';
  if (site.platform !== 'gke') return false;
  return (port === 988 && to === '169.254.169.252') || (port === 80 && to === '169.254.169.254');
}
