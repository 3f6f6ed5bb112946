/** What flows must know of a site and of its planes. Pure. */
import type { ControlPlaneNetwork, GatewayNetwork, SiteNetwork } from '../../flows/index.ts';
import type { CertificateOrders, ControlPlaneAddress, PlaneAddress } from '../site.ts';
import { namespaceOf } from './names.ts';
import type { KubernetesSitePlan } from './validate.ts';

export const siteNetwork = (name: string, plan: KubernetesSitePlan): SiteNetwork => ({
  name,
  platform: plan.platform,
  cluster: name,
  egressCidrs: plan.egressCidrs,
  apiServer: plan.apiServer ?? { cidrs: [], port: 443 }, // asked for where a control plane runs
  upstreamCidrs: plan.upstreamCidrs,
  upstreamNamespaces: plan.upstreamNamespaces,
  balancerCidrs: plan.balancerCidrs,
  scrapers: plan.scrapers,
  loginCidrs: plan.loginCidrs,
  jwks: jwksReach(plan),
});

function jwksReach({ serviceAccounts: { jwks, jwksCidrs } }: KubernetesSitePlan): SiteNetwork['jwks'] {
  if (jwks.url === undefined) return undefined;
  const port = Number(new URL(jwks.url).port || 443);
  return jwksCidrs?.map((cidr) => ({ cidr, ports: [port] }));
}

interface OnSite {
  readonly name: string;
  readonly plan: KubernetesSitePlan;
  /** Under which the plane is dialled; undefined while its balancer has none. */
  readonly address: string | undefined;
}

const anyPlane = (plane: PlaneAddress, { name, plan, address }: OnSite) => ({
  name: plane.name,
  url: plane.url,
  site: siteNetwork(name, plan),
  namespace: namespaceOf(plan.namespacePrefix, plane.name),
  ingressCidrs: address === undefined ? undefined : [hostCidr(address)],
  public: plane.callers,
  callerNamespaces: plane.callerNamespaces,
});

export const gatewayNetwork = (plane: PlaneAddress, site: OnSite): GatewayNetwork => ({
  kind: 'gateway',
  ...anyPlane(plane, site),
});

export function controlPlaneNetwork(plane: ControlPlaneAddress, site: OnSite): ControlPlaneNetwork {
  const { certificates } = plane;
  return {
    kind: 'control-plane',
    ...anyPlane(plane, site),
    database: databaseOf(site.plan),
    ...(certificates && ordersReach(certificates)),
  };
}

/** Other name servers of the zone are always asked at port 53. */
function ordersReach({
  directory,
  directoryCidrs,
  dns,
}: CertificateOrders): Pick<ControlPlaneNetwork, 'acme' | 'acmeDns'> {
  const named = [dns.rfc2136.server, ...(dns.resolvers ?? [])].map((text) => Number(/:(\d+)$/.exec(text)?.[1] ?? 53));
  const dnsPorts = [...new Set([53, ...named])];
  return {
    acme: directoryCidrs.map((cidr) => ({ cidr, ports: [Number(new URL(directory).port || 443)] })),
    acmeDns: dns.cidrs.map((cidr) => ({ cidr, ports: dnsPorts })),
  };
}

function databaseOf({ database }: KubernetesSitePlan): ControlPlaneNetwork['database'] {
  if (database?.kind !== 'given') return 'cluster';
  return { cidrs: database.cidrs, port: Number(new URL(database.url).port || 5432) };
}

const hostCidr = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`;
