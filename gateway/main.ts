/**
 * A gateway process, from its settings to its end: settings → identity → registry → what the pipeline needs → listeners → drain.
 * The one place that knows every adapter. Invariant: it starts and serves with NATS and control plane dead, once it has ever had a snapshot.
 */
import { join } from 'node:path';
import { compileReach } from '@portolan/core';
import { ClosedDoors } from './adapters/closed-doors.ts';
import { type KeptIdentity, openIdentity } from './adapters/identity/keep-identity.ts';
import { makeLog } from './adapters/log.ts';
import { Counters } from './adapters/meter.ts';
import { lastValue } from './adapters/nats/last-value.ts';
import { NatsLink } from './adapters/nats/nats-link.ts';
import { listenLoopback, listenPlain, listenTls } from './adapters/node-listeners.ts';
import { openPublicCertificate, type WatchedCertificate } from './adapters/public-certificate.ts';
import { SealingKeys } from './adapters/session/sealing-keys.ts';
import { sessionSealer } from './adapters/session/session-sealer.ts';
import { followSnapshot } from './adapters/snapshot/follow-snapshot.ts';
import { report } from './adapters/snapshot/report.ts';
import { SnapshotRegistry } from './adapters/snapshot/snapshot-registry.ts';
import { shipSpool } from './adapters/spool/ship-spool.ts';
import { openSpool, type Spool } from './adapters/spool/spool.ts';
import { systemClock as clock } from './adapters/system-clock.ts';
import { UndiciPeers } from './adapters/undici-peers.ts';
import { UndiciUpstreams } from './adapters/undici-upstreams.ts';
import { type Config, ConfigError, readCommandLine } from './config.ts';
import { drain } from './drain.ts';
import type { Address } from './listen-address.ts';
import manifest from './package.json' with { type: 'json' };
import type { Listener, Log } from './ports.ts';
import { readings } from './readings.ts';
import { healthRoutes } from './routes/health.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { GatewayServer } from './server.ts';

/** What lives as long as the process. */
interface Parts {
  readonly config: Config;
  readonly log: Log;
  readonly certificate: WatchedCertificate;
  readonly identity: KeptIdentity;
  readonly link: NatsLink;
  readonly registry: SnapshotRegistry;
  readonly sealingKeys: SealingKeys;
  readonly spool: Spool;
  readonly counters: Counters;
  readonly doors: ClosedDoors;
}

export interface RunningGateway {
  /** Drains, writes what waits, closes everything. */
  stop(): Promise<void>;
}

/** Starts a gateway; answers when its listeners accept. Throws where files, ports or certificates cannot be used. */
export async function startGateway(config: Config, log: Log): Promise<RunningGateway> {
  const parts = await makeParts(config, log);
  await restore(parts);
  const ending = new AbortController();
  const work = beginWork(parts, ending.signal);
  const state = { ready: false };
  const server = await makeServer(parts);
  const probes = await openProbes(parts, () => state.ready && parts.registry.current() !== undefined);
  const doors = await openDoors(parts, server);
  state.ready = true;
  log.info({ url: config.url, ports: doors.map(({ port }) => port) }, 'gateway listens');
  return {
    stop: async () => {
      state.ready = false;
      log.info({}, 'gateway drains');
      await drain(server, doors, { callsMs: config.limits.drainTimeoutMs });
      ending.abort();
      await Promise.all(work);
      await parts.spool.close();
      await Promise.all(probes.map(closeNow));
      log.info({}, 'gateway has stopped');
    },
  };
}

async function makeParts(config: Config, log: Log): Promise<Parts> {
  const { dataDir, enrolmentFile, controlPlane, audit } = config;
  const certificate = await openPublicCertificate(config.certificate, log);
  const identity = await openIdentity({ folder: join(dataDir, 'identity'), enrolmentFile, controlPlane, clock, log });
  const link = new NatsLink({ servers: controlPlane.natsUrl, caFile: controlPlane.caFile, identity, clock, log });
  const registry = new SnapshotRegistry({
    folder: dataDir,
    audience: () => identity.held(),
    keys: () => identity.held()?.snapshotKeys ?? [],
    fetchPart: (sha256) => lastValue(link, subjectOfPart(identity, sha256)),
    clock,
    log,
  });
  const { replica, sealKey } = identity.keys;
  const sealingKeys = new SealingKeys({ folder: dataDir, replica, sealKey, clock, log });
  const spool = await openSpool({ folder: join(dataDir, 'spool'), ...audit, clock, log });
  const read = readings({ identity, registry, link, spool, clock });
  const counters = new Counters(() => identity.current()?.gateway ?? '', read);
  return { config, log, certificate, identity, link, registry, sealingKeys, spool, counters, doors: closedDoors(config) };
}
