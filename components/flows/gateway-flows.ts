/** Flows of one gateway with its control plane, and of two gateways with each other. */
import { controlDoor, jwksFlows } from './control-plane-flows.ts';
import { calledOf, callerOf, podsIn, podsOf } from './ends.ts';
import type { Flow } from './flow.ts';
import { callers, dials, door, health, identity, metrics, names, outbound, tcp } from './plane-flows.ts';
import type { ControlPlaneNetwork, GatewayNetwork } from './plane-network.ts';
import { ports } from './ports.ts';

export function gatewayFlows(gateway: GatewayNetwork, control: ControlPlaneNetwork): readonly Flow[] {
  return [
    ...callers(gateway, 'gateway'),
    ...toControlPlane(gateway, control),
    ...outside(gateway),
    ...jwksFlows(control, gateway),
    ...serversInCluster(gateway),
    ...names(gateway, 'gateway'),
    ...identity(gateway, 'gateway'),
    ...health(gateway, 'gateway', ports.health),
    ...metrics(gateway, 'gateway'),
  ];
}

/** Both directions, or none: the peer matrix is symmetric. */
export const pairFlows = (first: GatewayNetwork, second: GatewayNetwork): readonly Flow[] => [
  calls(first, second),
  calls(second, first),
];

const calls = (from: GatewayNetwork, to: GatewayNetwork): Flow => ({
  id: `calls.${from.name}.${to.name}`,
  reason: `Calls that enter at ${from.name} for servers of ${to.name} cross once, over mutual TLS.`,
  from: callerOf(from, 'gateway'),
  to: calledOf(to, 'gateway'),
  ports: door(to),
  dials: dials(from, to),
});

function toControlPlane(gateway: GatewayNetwork, control: ControlPlaneNetwork): readonly Flow[] {
  const from = callerOf(gateway, 'gateway');
  const to = controlDoor(control);
  return [
    {
      id: `enrolment.${gateway.name}.${control.name}`,
      reason: 'A gateway enrols, renews its certificate and, while NATS is away, reads its snapshot.',
      from,
      to: to.tls,
      ports: door(control),
      dials: dials(gateway, control),
    },
    {
      id: `snapshots.${gateway.name}.${control.name}`,
      reason: 'A gateway receives its snapshots and hands over its audit records by NATS.',
      from,
      to: to.nats,
      ports: [tcp(ports.nats)],
      dials: dials(gateway, control).replace(/:\d+$/, `:${ports.nats}`),
    },
  ];
}

function serversInCluster(gateway: GatewayNetwork): readonly Flow[] {
  const { name, site } = gateway;
  return (site.upstreamNamespaces ?? []).map(({ namespace, ports: named }) => ({
    id: `upstreams.${name}.${namespace}`,
    reason: `MCP servers of site ${site.name} run in its own cluster too.`,
    from: podsOf(gateway, 'gateway'),
    to: podsIn(namespace, 'MCP servers'),
    ports: named.map((port) => tcp(port)),
  }));
}

function outside(gateway: GatewayNetwork): readonly Flow[] {
  const from = podsOf(gateway, 'gateway');
  const { site, idps, otlp } = gateway;
  const otherwise = [tcp(ports.https)];
  const everyPort = [{ protocol: 'TCP', port: 1, endPort: 65_535 }] as const;
  const servers = {
    id: 'upstreams',
    says: 'MCP servers',
    reason: `MCP servers of site ${site.name} are dialled in its own networks, at the ports named for them.`,
    reach: site.upstreamCidrs,
    otherwise: everyPort,
  };
  const keys = {
    id: 'idps',
    says: 'identity providers',
    reason: 'Keys of identity providers are read from them.',
    reach: idps,
  };
  const traces = { id: 'otlp', says: 'telemetry', reason: 'Traces are sent to the collector.', reach: otlp };
  return [servers, { ...keys, otherwise }, { ...traces, otherwise }].flatMap((one) =>
    outbound(gateway, { ...one, from }),
  );
}
