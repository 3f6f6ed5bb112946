/** Flows of a control plane alone: they name no gateway, so that its rules can be there before any. */
import { calledOf, destinations, podsOf, secretsWriters } from './ends.ts';
import type { Flow } from './flow.ts';
import { callers, health, identity, metrics, names, outbound, tcp } from './plane-flows.ts';
import type { ControlPlaneNetwork, PlaneNetwork } from './plane-network.ts';
import { ports } from './ports.ts';

export function controlPlaneFlows(plane: ControlPlaneNetwork): readonly Flow[] {
  return [
    ...callers(plane, 'control-plane'),
    ...inside(plane),
    database(plane),
    apiServer(plane),
    ...outside(plane),
    ...names(plane, 'control-plane'),
    ...names(plane, 'nats'),
    ...identity(plane, 'control-plane'),
    ...health(plane, 'control-plane', ports.health),
    ...health(plane, 'nats', ports.natsMonitor),
    ...metrics(plane, 'control-plane'),
  ];
}

/** Between the parts of the plane. */
function inside(plane: ControlPlaneNetwork): readonly Flow[] {
  const control = podsOf(plane, 'control-plane');
  const nats = podsOf(plane, 'nats');
  const { name } = plane;
  return [
    {
      id: `nats.${name}`,
      reason: 'The control plane publishes snapshots and reads audit records.',
      from: control,
      to: nats,
      ports: [tcp(ports.nats)],
    },
    {
      id: `nats-cluster.${name}`,
      reason: 'NATS servers replicate their streams to each other.',
      from: nats,
      to: nats,
      ports: [tcp(ports.natsCluster)],
    },
    {
      id: `nats-agent.${name}`,
      reason: 'The agent beside each NATS server fetches its configuration and certificates.',
      from: nats,
      to: control,
      ports: [tcp(ports.tls, ports.https)],
    },
  ];
}

function database(plane: ControlPlaneNetwork): Flow {
  const given = plane.database;
  const inCluster = given === 'cluster';
  const to = inCluster ? podsOf(plane, 'postgres') : destinations('PostgreSQL', given.cidrs);
  const reason = 'The registry, the audit records and the sealed keys are in PostgreSQL.';
  const from = podsOf(plane, 'control-plane');
  return { id: `database.${plane.name}`, reason, from, to, ports: [tcp(inCluster ? ports.postgres : given.port)] };
}

function apiServer(plane: ControlPlaneNetwork): Flow {
  const { cidrs, port } = plane.site.apiServer;
  const reason = 'The jobs of its birth write Secrets; no other pod reaches the API of the cluster.';
  const to = destinations('API of the cluster', cidrs);
  return { id: `kube-api.${plane.name}`, reason, from: secretsWriters(plane), to, ports: [tcp(port)] };
}

function outside(plane: ControlPlaneNetwork): readonly Flow[] {
  const from = podsOf(plane, 'control-plane');
  const otherwise = [tcp(ports.https)];
  const to = (id: string, says: string, reach: ControlPlaneNetwork['idps'], reason: string) =>
    outbound(plane, { id, says, reach, reason, from, otherwise });
  return [
    ...jwksFlows(plane, plane),
    ...to('idps', 'identity providers', plane.idps, 'Keys of identity providers are read from them.'),
    ...to('acme', 'ACME directory', plane.acme, 'Public certificates are ordered there.'),
    ...challenges(plane),
    ...to('kms', 'key service', plane.kms, 'The key that wraps all others stays in the key service.'),
    ...to('otlp', 'telemetry', plane.otlp, 'Traces are sent to the collector.'),
  ];
}

/** An answer that is too long for UDP is asked for by TCP, as updates are. */
function challenges(plane: ControlPlaneNetwork): readonly Flow[] {
  const reason = 'Challenges of public certificates are written to DNS and looked up there.';
  const protocols = ['UDP', 'TCP'] as const;
  return outbound(plane, {
    id: 'acme-dns',
    says: 'DNS servers of the zone of challenges',
    reach: plane.acmeDns,
    reason,
    from: podsOf(plane, 'control-plane'),
    otherwise: protocols.map((protocol) => ({ protocol, port: ports.dns })),
    protocols,
  });
}

/** The control plane verifies the tokens of a plane's pods by the keys of their cluster. */
export const jwksFlows = (control: ControlPlaneNetwork, { name, site }: PlaneNetwork): readonly Flow[] =>
  outbound(control, {
    id: `jwks.${name}`,
    says: `keys of the service accounts of site ${site.name}`,
    reason: 'The control plane fetches the keys by which it verifies the tokens of pods.',
    reach: site.jwks,
    from: podsOf(control, 'control-plane'),
    otherwise: [tcp(ports.https)],
  });

/** The pods behind its public door, for whoever dials it. */
export const controlDoor = (plane: ControlPlaneNetwork) => ({
  tls: calledOf(plane, 'control-plane'),
  nats: calledOf(plane, 'nats'),
});
