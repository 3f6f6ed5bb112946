/**
 * Faults of a list of planes that no plane can see alone, and of the addresses that rules are made of. Pure: all faults, in order, each
 * with the path of what is wrong. What is not known yet is judged when it is.
 */
import { NEVER_DIALLED } from '@portolan/core';
import { overlap, parseCidr } from './cidr.ts';
import type { PlaneNetwork, Reach, SiteNetwork } from './plane-network.ts';

export interface FlowFault {
  /** `planes.aws.url`, `sites.onprem.upstreamCidrs[0].cidr` */
  readonly path: string;
  /** What was expected, what is there, and the way out. */
  readonly says: string;
}

export function flowFaults(planes: readonly PlaneNetwork[]): readonly FlowFault[] {
  const sites = [...new Map(planes.map(({ site }) => [site.name, site])).values()];
  return [
    ...sites.flatMap(siteFaults),
    ...planes.flatMap(planeFaults),
    ...twice(planes, ({ name }) => name, 'name'),
    ...twice(planes, ({ url }) => url, 'url'),
    ...pairsOf(sites).flatMap(sharedEgress),
    ...pairsOf(planes).flatMap(withoutOverride),
  ];
}

function siteFaults(site: SiteNetwork): readonly FlowFault[] {
  const at = `sites.${site.name}`;
  return [
    ...narrow(`${at}.egressCidrs`, site.egressCidrs),
    ...each(`${at}.apiServer.cidrs`, site.apiServer.cidrs),
    ...each(`${at}.balancerCidrs`, site.balancerCidrs),
    ...each(`${at}.loginCidrs`, site.loginCidrs),
    ...upstreams(`${at}.upstreamCidrs`, site),
  ];
}

function planeFaults(plane: PlaneNetwork): readonly FlowFault[] {
  const at = `planes.${plane.name}`;
  const own: readonly FlowFault[] =
    plane.kind === 'gateway'
      ? []
      : [
          ...(plane.database === 'cluster' ? [] : each(`${at}.database.cidrs`, plane.database.cidrs)),
          ...reached(`${at}.acme`, plane.acme),
          ...reached(`${at}.acmeDns`, plane.acmeDns),
          ...reached(`${at}.kms`, plane.kms),
        ];
  return [
    ...narrow(`${at}.ingressCidrs`, plane.ingressCidrs),
    ...(plane.public === true ? [] : narrow(`${at}.public`, plane.public)),
    ...reached(`${at}.idps`, plane.idps),
    ...reached(`${at}.otlp`, plane.otlp),
    ...own,
  ];
}

function upstreams(path: string, { upstreamCidrs, apiServer }: SiteNetwork): readonly FlowFault[] {
  if (upstreamCidrs === undefined) {
    const says = 'expected the networks and ports of the MCP servers of this site; [] if its gateways only forward.';
    return [{ path, says }];
  }
  return [
    ...reached(path, upstreamCidrs),
    ...upstreamCidrs.flatMap(({ cidr, ports }, at) => {
      const never = NEVER_DIALLED.filter((one) => overlap(cidr, one));
      const api =
        (ports?.includes(apiServer.port) ?? true) ? (apiServer.cidrs ?? []).filter((one) => overlap(cidr, one)) : [];
      const fault = (what: string): FlowFault => ({
        path: `${path}[${at}].cidr`,
        says: `${cidr} contains ${what}; name the networks around it, or only the servers.`,
      });
      return [
        ...(never.length === 0 ? [] : [fault(`${never.join(', ')}, where clouds hand out credentials or nobody is`)]),
        ...api.map((one) => fault(`the API of the cluster (${one} port ${apiServer.port})`)),
      ];
    }),
  ];
}

const reached = (path: string, reach: readonly Reach[] = []): readonly FlowFault[] => [
  ...reach.flatMap(({ cidr }, at) => cidrFaults(`${path}[${at}].cidr`, cidr)),
  ...reach.flatMap(({ cidr }, at) =>
    reach.findIndex((one) => one.cidr === cidr) === at
      ? []
      : [{ path: `${path}[${at}].cidr`, says: `${cidr} is there twice; name all its ports once.` }],
  ),
];

const each = (path: string, cidrs: readonly string[] = []): readonly FlowFault[] =>
  cidrs.flatMap((cidr, at) => cidrFaults(`${path}[${at}]`, cidr));

/** Networks from which calls come: none of them may be half the world. */
const narrow = (path: string, cidrs: readonly string[] = []): readonly FlowFault[] => [
  ...each(path, cidrs),
  ...cidrs.flatMap((cidr, at) => (isWorld(cidr) ? [{ path: `${path}[${at}]`, says: openToAll(path, cidr) }] : [])),
];

const openToAll = (path: string, cidr: string): string =>
  path.endsWith('.public')
    ? `${cidr} is open to the world; say so with \`public: true\`, or name the networks of the callers.`
    : `${cidr} is open to the world; expected the addresses of this one alone, as in 203.0.113.7/32.`;

/** Wider than any network of one owner: IPv4 before /8, IPv6 before /7 (fc00::/7 is the private one). */
function isWorld(cidr: string): boolean {
  const parsed = parseCidr(cidr);
  return parsed !== undefined && parsed.prefix < (parsed.family === 4 ? 8 : 7);
}

function cidrFaults(path: string, cidr: string): readonly FlowFault[] {
  const parsed = parseCidr(cidr);
  if (parsed === undefined) return [{ path, says: `expected a CIDR such as 10.0.0.0/8 or fd00::/8; got "${cidr}".` }];
  if (!parsed.hostBits) return [];
  const says = `"${cidr}" is an address within a network; write the network's first address, or /${parsed.family === 4 ? 32 : 128} for this one.`;
  return [{ path, says }];
}

function twice(
  planes: readonly PlaneNetwork[],
  key: (plane: PlaneNetwork) => string,
  property: string,
): readonly FlowFault[] {
  return planes.flatMap((plane, at) => {
    const holder = planes.findIndex((one) => key(one) === key(plane));
    if (holder === at) return [];
    const says = `${key(plane)} is that of another plane already (planes[${holder}] and planes[${at}]); each has its own.`;
    return [{ path: `planes.${plane.name}.${property}`, says }];
  });
}

/** Peers tell sites apart by where calls come from. */
function sharedEgress([one, other]: readonly [SiteNetwork, SiteNetwork]): readonly FlowFault[] {
  if (one.cluster === other.cluster) return [];
  return (other.egressCidrs ?? []).flatMap((cidr, at) =>
    (one.egressCidrs ?? []).some((taken) => overlap(taken, cidr))
      ? [
          {
            path: `sites.${other.name}.egressCidrs[${at}]`,
            says: `${cidr} overlaps an egress address of site ${one.name}; each site leaves from addresses of its own.`,
          },
        ]
      : [],
  );
}

/** Balancers of a cluster are short-circuited to pods, so planes in one cluster dial each other's Service. */
function withoutOverride([one, other]: readonly [PlaneNetwork, PlaneNetwork]): readonly FlowFault[] {
  // elsewhere a cluster leads its own balancers' addresses back to its pods, where rules know them by selectors
  if (one.site.cluster !== other.site.cluster || one.site.platform !== 'eks') return [];
  return [one, other].flatMap(({ name, endpointOverride }) =>
    endpointOverride === undefined
      ? [
          {
            path: `planes.${name}.endpointOverride`,
            says: `expected host:port of its Service, as ${one.name} and ${other.name} share a cluster.`,
          },
        ]
      : [],
  );
}

const pairsOf = <T>(list: readonly T[]): readonly (readonly [T, T])[] =>
  list.flatMap((first, at) => list.slice(at + 1).map((second) => [first, second] as const));
