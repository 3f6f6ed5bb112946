/** What `/metrics` says beside the counters of calls: state that is read when somebody asks. */

import type { Clock } from '../ports.ts';
import type { KeptIdentity } from './identity/keep-identity.ts';
import type { Reading, Readings } from './meter.ts';
import type { NatsLink } from './nats/nats-link.ts';
import type { ServerProber } from './probe/server-prober.ts';
import type { SnapshotRegistry } from './snapshot/snapshot-registry.ts';
import type { Spool } from './spool/spool.ts';

export interface Read {
  readonly identity: KeptIdentity;
  readonly registry: SnapshotRegistry;
  readonly link: NatsLink;
  readonly spool: Spool;
  readonly prober: ServerProber;
  readonly clock: Clock;
}

const gauge = (help: string, read: Reading['read']): Reading => ({ help, type: 'gauge', read });
const counter = (help: string, read: () => number): Reading => ({ help, type: 'counter', read });
const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000);

// table
export function readings({ identity, registry, link, spool, prober, clock }: Read): Readings {
  const age = (): number | undefined => {
    const issuedAt = registry.applied()?.issuedAt;
    return issuedAt === undefined ? undefined : clock.now() - issuedAt;
  };
  const cpu = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  return {
    portolan_snapshot_revision: gauge('Revision of the snapshot in force.', () => registry.applied()?.revision),
    portolan_snapshot_age_seconds: gauge('Time since the snapshot in force was issued.', () => seconds(age())),
    portolan_certificate_expiry_timestamp_seconds: gauge('End of the mesh certificate, seconds since epoch.', () =>
      seconds(identity.current()?.notAfter),
    ),
    portolan_nats_connected: gauge('1 while NATS is connected.', () => Number(link.connected)),
    portolan_spool_bytes: gauge('Bytes of the audit spool on disk.', () => spool.state().bytes),
    portolan_spool_records: gauge(
      'Audit records that the control plane has not acknowledged.',
      () => spool.state().records,
    ),
    portolan_spool_dropped_total: counter('Audit records lost to a full spool.', () => spool.state().dropped),
    portolan_ring_dropped_total: counter(
      'Refusals of unknown callers that were not recorded.',
      () => spool.state().ringDropped,
    ),
    portolan_upstream_up: gauge('1 where the MCP server answered its last probe, 0 where it did not.', () => {
      const states = prober.states();
      return new Map(states.map(({ server, reachable }) => [`server="${server}"`, Number(reachable)]));
    }),
    process_resident_memory_bytes: gauge('Resident memory.', () => process.memoryUsage.rss()),
    process_cpu_seconds_total: counter('User and system time.', cpu),
  };
}
