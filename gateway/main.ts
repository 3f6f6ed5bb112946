/**
 * A gateway process, from its settings to its end: settings → identity → registry → what the pipeline needs → listeners → drain.
 * The one place that knows every adapter. Invariant: it starts and serves with NATS and control plane dead, once it has ever had a snapshot.
 */
import { join } from 'node:path';
import { compileReach } from '@portolan/core';
import { ClosedDoors } from './adapters/closed-doors.ts';
import { DeliveredCertificate } from './adapters/delivered-certificate.ts';
import { endure, type Work } from './adapters/endure.ts';
import { handleSealer } from './adapters/handles/handle-sealer.ts';
import { SealingKeys } from './adapters/handles/sealing-keys.ts';
import { type KeptIdentity, openIdentity } from './adapters/identity/keep-identity.ts';
import { LinkPeers } from './adapters/link/link-peers.ts';
import { lockFolder } from './adapters/lock-folder.ts';
import { makeLog } from './adapters/log.ts';
import { Counters } from './adapters/meter.ts';
import { NatsLink } from './adapters/nats/nats-link.ts';
import { listenLoopback, listenPlain, listenTls } from './adapters/node-listeners.ts';
import { reportServers } from './adapters/probe/report-servers.ts';
import { ServerProber } from './adapters/probe/server-prober.ts';
import { openPublicCertificate, type WatchedCertificate } from './adapters/public-certificate.ts';
import { readings } from './adapters/readings.ts';
import { followSnapshot, partsByNats } from './adapters/snapshot/follow-snapshot.ts';
import { report } from './adapters/snapshot/report.ts';
import { SnapshotRegistry } from './adapters/snapshot/snapshot-registry.ts';
import { shipRest, shipSpool } from './adapters/spool/ship-spool.ts';
import { openSpool, type Spool } from './adapters/spool/spool.ts';
import { systemClock as clock } from './adapters/system-clock.ts';
import { UndiciUpstreams, type UpstreamDialling } from './adapters/undici-upstreams.ts';
import type { Config } from './config.ts';
import { drain } from './drain.ts';
import type { Address } from './listen-address.ts';
import manifest from './package.json' with { type: 'json' };
import type { Listener, Log, PublicCertificate } from './ports.ts';
import { healthRoutes } from './routes/health.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { type Running, runProcess } from './run-process.ts';
import { GatewayServer } from './server.ts';

/** What lives as long as the process. */
interface Parts {
  readonly config: Config;
  readonly log: Log;
  /** One of the two, as the settings say. */
  readonly certificate: WatchedCertificate | DeliveredCertificate;
  readonly identity: KeptIdentity;
  readonly link: NatsLink;
  readonly registry: SnapshotRegistry;
  readonly sealingKeys: SealingKeys;
  readonly spool: Spool;
  readonly counters: Counters;
  readonly doors: ClosedDoors;
  readonly prober: ServerProber;
}

/** Starts a gateway; answers when its listeners accept. Throws where files, ports or certificates cannot be used. */
async function startGateway(config: Config, log: Log): Promise<Running> {
  await lockFolder(config.dataDir, log); // a process that may yet have to give way must not be called alive
  const health = new Readiness();
  const probe = await listenPlain(config.listen.health, healthRoutes(health));
  const parts = await makeParts(config, log);
  await restore(parts);
  const ending = new AbortController();
  const work = beginWork(parts, ending.signal);
  const server = await makeServer(parts);
  const scrape = await listenPlain(config.listen.metrics, metricsRoutes(parts.counters));
  const doors = await openDoors(parts, server);
  health.open(parts);
  log.info({ url: config.url, ports: doors.map(({ port }) => port) }, 'gateway listens');
  return {
    stop: async () => {
      log.info({}, 'gateway drains');
      health.close();
      const { drainDelayMs: noticeMs, drainTimeoutMs: callsMs } = config.limits;
      await drain(server, doors, { noticeMs, callsMs });
      const records = await shipRest(parts);
      if (records > 0)
        log.warn({ records }, 'audit records are left on disk, and are sent when a gateway starts on it again');
      ending.abort();
      await Promise.all(work);
      await parts.spool.close();
      await Promise.all([probe, scrape].map(closeNow));
      log.info({}, 'gateway has stopped');
    },
  };
}

interface Needed {
  readonly registry: SnapshotRegistry;
  readonly certificate: PublicCertificate;
}

/** True between the opening of the listeners and the drain, with a snapshot and a certificate. Never asks whether others are well. */
class Readiness {
  #needed: Needed | undefined;

  open(needed: Needed): void {
    this.#needed = needed;
  }

  close(): void {
    this.#needed = undefined;
  }

  ready(): boolean {
    return this.#needed?.registry.current() !== undefined && this.#needed.certificate.current() !== undefined;
  }
}

async function makeParts(config: Config, log: Log): Promise<Parts> {
  const { dataDir, enrolmentFile, serviceAccountTokenFile, controlPlane, audit } = config;
  // files first: what is wrong with them is said before anything is enrolled
  const files = config.certificate === 'acme' ? undefined : await openPublicCertificate(config.certificate, log);
  const folder = join(dataDir, 'identity');
  const identity = await openIdentity({ folder, enrolmentFile, serviceAccountTokenFile, controlPlane, clock, log });
  const link = new NatsLink({ servers: controlPlane.natsUrl, caFile: controlPlane.caFile, identity, clock, log });
  const registry = new SnapshotRegistry({
    folder: dataDir,
    audience: () => identity.held(),
    keys: () => identity.held()?.snapshotKeys ?? [],
    fetchPart: partsByNats(link, identity),
    clock,
    log,
  });
  const { replica, sealKey } = identity.keys;
  const certificate = files ?? new DeliveredCertificate({ folder: dataDir, replica, sealKey, log });
  const sealingKeys = new SealingKeys({ folder: dataDir, replica, sealKey, clock, log });
  const spool = await openSpool({ folder: join(dataDir, 'spool'), ...audit, clock, log });
  const doors = closedDoors(config);
  // lanes of its own: a probe never stands in the way of a call, nor wakes itself
  const upstreams = new UndiciUpstreams({ registry, ...dialling(config, doors) });
  const prober = new ServerProber({ registry, upstreams, version: manifest.version, clock, log });
  const read = readings({ identity, registry, link, spool, prober, clock });
  const counters = new Counters(() => identity.current()?.gateway ?? '', read);
  return { config, log, certificate, identity, link, registry, sealingKeys, spool, counters, doors, prober };
}

/** Where MCP servers may be dialled, and for how long it is tried. */
function dialling(
  { upstreamCidrs, limits }: Config,
  doors: ClosedDoors,
): Pick<UpstreamDialling, 'mayDial' | 'connectTimeoutMs'> {
  const reach = compileReach(upstreamCidrs);
  const mayDial = (address: string, port: number): boolean => reach(address, port) && !doors.closed(address, port);
  return { mayDial, connectTimeoutMs: limits.connectTimeoutMs };
}

/** Our own listeners, and what the control plane lives on: reachable perhaps, but never as an MCP server. */
function closedDoors({ listen, controlPlane }: Config): ClosedDoors {
  const own = [listen.tls, listen.insecureLoopback, listen.health, listen.metrics].flatMap((door) => door?.port ?? []);
  const others = [controlPlane.url, ...controlPlane.natsUrl].map((text): Address => {
    const { protocol, hostname, port } = new URL(text);
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 4222) };
  });
  return new ClosedDoors({ own, others });
}

/** What is on disk comes first: the listeners open with the last good snapshot in force. */
async function restore({ registry, sealingKeys, certificate, doors }: Parts): Promise<void> {
  await sealingKeys.restore();
  if (certificate instanceof DeliveredCertificate) await certificate.restore();
  await registry.restore();
  await sealingKeys.adopt(registry.applied()?.sealingKeys ?? []);
  if (certificate instanceof DeliveredCertificate) await certificate.adopt(registry.applied()?.certificate);
  await doors.lookUp();
}

/** Everything that goes on beside the calls, until `signal` aborts. */
function beginWork(parts: Parts, signal: AbortSignal): readonly Promise<void>[] {
  const { config, identity, link, registry, spool, counters, certificate, doors, prober, log } = parts;
  const { replica } = identity.keys;
  const { controlPlane } = config;
  link.onConnect(() => identity.nudge());
  identity.onObtained(({ snapshot, newMesh }) => {
    if (newMesh) void registry.forget();
    // known already or not: an enrolment has narrowed the trust to what it pins
    void registry.offer(snapshot, 'the control plane').then(() => adoptTrust(parts));
  });
  registry.onChange(() => adopt(parts));
  adoptTrust(parts); // a crash may have come between a snapshot and what it says of it
  const counted = { version: manifest.version, spool: () => spoolOf(spool), counters: () => counters.counters() };
  const works: readonly Work[] = [
    (until) => followSnapshot({ link, registry, identity, controlPlane, clock, log }, until),
    (until) => shipSpool({ spool, link, identity, clock, log }, until),
    (until) => report({ link, registry, identity, replica, ...counted }, until),
    (until) => prober.run(until),
    (until) => reportServers({ prober, link, identity, replica }, until),
    (until) => link.run(until),
    (until) => identity.run(until),
    ...(certificate instanceof DeliveredCertificate ? [] : [(until: AbortSignal) => certificate.run(until)]),
    (until) => doors.run(until),
  ];
  return works.map((work) => endure(work, signal, log));
}

const spoolOf = (spool: Spool): { bytes: number; records: number; dropped: number } => {
  const { bytes, records, dropped, ringDropped } = spool.state();
  return { bytes, records, dropped: dropped + ringDropped };
};

/** What a new snapshot says beside its tables. */
function adopt(parts: Parts): void {
  const { config, registry, sealingKeys, certificate, log } = parts;
  const applied = registry.applied();
  if (!applied) return;
  void sealingKeys.adopt(applied.sealingKeys);
  if (certificate instanceof DeliveredCertificate) void certificate.adopt(applied.certificate);
  adoptTrust(parts);
  if (applied.url === config.url) return;
  const fields = { alarm: 'config', configured: config.url, registered: applied.url };
  log.error(
    fields,
    'gateway.url is not the URL under which this gateway is registered; the registered one decides routes',
  );
}

/** Mesh roots and snapshot keys. */
function adoptTrust({ registry, identity, log }: Parts): void {
  const applied = registry.applied();
  if (!applied) return;
  identity
    .adopt(applied)
    .catch((error: unknown) => log.error({ err: error }, 'the mesh roots and snapshot keys could not be kept'));
}

async function makeServer(parts: Parts): Promise<GatewayServer> {
  const { config, identity, registry, sealingKeys, spool, counters, doors, prober, log } = parts;
  const { connectTimeoutMs, callTimeoutMs, idleTimeoutMs, maxBodyBytes, maxHeldAnswerBytes, maxConcurrentRequests } =
    config.limits;
  const { allowedHosts, allowedOrigins } = config;
  const server = new GatewayServer(
    {
      identity,
      registry,
      peers: new LinkPeers({ identity, registry, clock, log, connectTimeoutMs }),
      upstreams: new UndiciUpstreams({ registry, ...dialling(config, doors), watch: prober }),
      audit: spool,
      sealer: handleSealer(sealingKeys),
      meter: counters,
      clock,
      log,
    },
    {
      bodyBytes: maxBodyBytes,
      answerBytes: maxHeldAnswerBytes,
      callMs: callTimeoutMs,
      idleMs: idleTimeoutMs,
      flights: maxConcurrentRequests,
    },
    { allowedOrigins, allowedHosts },
  );
  await server.ready();
  return server;
}

async function openDoors(parts: Parts, intake: GatewayServer): Promise<readonly Listener[]> {
  const { config, certificate, identity, registry, log } = parts;
  const { tls, insecureLoopback } = config.listen;
  const open = [await listenTls({ address: tls, certificate, identity, registry, intake, clock, log })];
  if (insecureLoopback) open.push(await listenLoopback(insecureLoopback, intake));
  return open;
}

async function closeNow(listener: Listener): Promise<void> {
  const closed = listener.stop();
  listener.closeAll();
  await closed;
}

if (import.meta.main) {
  runProcess({
    makeLog: ({ logLevel }) => makeLog(logLevel, { process: 'gateway' }, process.stdout),
    start: startGateway,
  });
}
