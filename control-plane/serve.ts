/**
 * The control plane's process: reads what `init` wrote, links the parts, opens the listeners, waits for PostgreSQL, and runs until it is told to stop.
 * NATS may come and go at any time. PostgreSQL too: while it is away every answer is 503 and nothing else is lost.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { CONTROL, meshName, ServerReport } from '@portolan/core';
import type { Logger } from 'pino';
import { type Certificates, openCertificates } from './acme/index.ts';
import { routesOf } from './api/routes/index.ts';
import { type Config, kekFileOf, siteFiles } from './config.ts';
import { type Db, databaseAway, migrate, openDatabase } from './db/index.ts';
import { Enrolment } from './enrolment/index.ts';
import { readKekFile } from './keys/kek.ts';
import { keyFiles } from './keys/key-files.ts';
import { readSnapshotKey } from './keys/snapshot-key.ts';
import { Ledger, Retention } from './ledger/index.ts';
import { ControlCertificate, MeshCa } from './mesh-ca/index.ts';
import { CertificateMetrics, FederationCounters, MetricsReport, metricsText } from './metrics/index.ts';
import { Link, NatsServers, readNatsKeys } from './nats/index.ts';
import { Publisher, readRevoked } from './publish/index.ts';
import { openListeners, SiteCertificate, type SiteSource } from './server/index.ts';
import { ServerReports } from './status/index.ts';
import { VERSION } from './version.ts';
import { type VerifyWorkload, workloadVerifier } from './workload-identity/index.ts';

const RETRY_MS = 500;

export interface Running {
  /** Ends everything in order; open requests are answered first. */
  stop(): Promise<void>;
}

/** Resolves once PostgreSQL has answered and all is running. `signal` ends the wait for PostgreSQL. */
export async function serve(config: Config, log: Logger, signal: AbortSignal): Promise<Running> {
  const keys = await readKeys(config, log);
  const database = openDatabase(config.database, (err) => log.warn({ err }, 'a connection to PostgreSQL broke off'));
  const counters = new FederationCounters();
  const servers = new ServerReports();
  const certificateMetrics = new CertificateMetrics();
  const certificates = await certificatesOf(config, log, { keys, database, metrics: certificateMetrics });
  const site = await siteOf(config, log, certificates);
  const work = linkWork(config, log, { keys, database, counters, servers });
  const state = { ready: false, stopping: false };
  const closeListeners = await openListeners({
    listen: config.listen,
    mounting: mounting(config, { keys, database, work, servers, site, log }, () => state.ready),
    log,
    site,
    mesh: keys.material,
    // nobody can enrol with a public name that has no certificate yet
    isReady: async () => state.ready && !state.stopping && site.current() !== undefined && (await database.ping()),
    metrics: metricsText(counters, certificateMetrics),
  });
  const stop = async (): Promise<void> => {
    state.stopping = true;
    await closeListeners();
    await certificates?.stop();
    await work.stop();
    site.stop();
    keys.material.stop();
    await database.close();
  };
  log.info({ listen: config.listen }, 'listening');
  await untilMigrated(config, log, signal).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  state.ready = !signal.aborted;
  if (state.ready) {
    certificates?.start();
    work.start();
  }
  return { stop };
}

const now = (): number => Date.now();

type Keys = Awaited<ReturnType<typeof readKeys>>;

/** Everything that `init` made, checked before a port is opened. */
async function readKeys(config: Config, log: Logger) {
  const { dataDir, federation, nats } = config;
  const files = keyFiles(dataDir);
  const kek = await readKekFile(kekFileOf(config));
  const signer = await MeshCa.open({ dataDir, federation, clusterHost: nats.clusterHost, kek, now });
  const onFailure = (err: unknown): void => log.error({ err }, 'certificate not renewed; trying again');
  return {
    signer,
    kek,
    natsKeys: await readNatsKeys(files.natsKeys),
    snapshotSigner: await readSnapshotKey(files.snapshotKey),
    material: await ControlCertificate.start({ signer, federation, lifeMs: config.certificateLife, now, onFailure }),
  };
}

interface CertificateParts {
  readonly keys: Keys;
  readonly database: Db;
  readonly metrics: CertificateMetrics;
}

/** Undefined where none are ordered. */
async function certificatesOf(
  { certificates, siteCertificate, url, dataDir, database: address }: Config,
  log: Logger,
  { keys, database, metrics }: CertificateParts,
): Promise<Certificates | undefined> {
  if (certificates === undefined) return undefined;
  const own = 'acme' in siteCertificate;
  const opened = await openCertificates({
    config: certificates,
    db: database.db,
    address,
    kek: keys.kek,
    now,
    controlUrl: own ? url : undefined,
    files: own ? siteFiles({ siteCertificate, dataDir }) : undefined,
    onIssued: (plane, notAfter) => log.info({ ...plane, notAfter: new Date(notAfter) }, 'certificate obtained'),
    onFailed: (plane, err, retryAt) => {
      metrics.failed(plane.plane);
      log.error({ err, ...plane, nextTryAt: new Date(retryAt) }, 'certificate not obtained; it is tried again');
    },
    onLate: (plane, notAfter) =>
      log.error({ plane, notAfter: new Date(notAfter) }, 'certificate past three quarters of its life and not renewed'),
    onTrouble: (doing, err) => log.warn({ err }, `cannot ${doing}; trying again`),
  });
  metrics.shows(() => opened.watch.notAfterSeconds());
  return opened;
}

async function siteOf(
  config: Config,
  log: Logger,
  certificates: Certificates | undefined,
): Promise<SiteSource & { stop(): void }> {
  if (certificates && 'acme' in config.siteCertificate)
    return {
      current: () => certificates.watch.current(),
      onChange: (listener) => certificates.watch.onChange(listener),
      stop: () => {},
    };
  return SiteCertificate.open(siteFiles(config), (err) =>
    log.error({ err }, 'site certificate cannot be read; the one in use stays'),
  );
}

interface WorkParts {
  readonly keys: Keys;
  readonly database: Db;
  readonly counters: FederationCounters;
  readonly servers: ServerReports;
}

/** Publisher, ledger, its retention, and the link. */
function linkWork(config: Config, log: Logger, { keys, database: { db }, counters, servers }: WorkParts) {
  const onTrouble = (doing: string, err: unknown): void => log.warn({ err }, `cannot ${doing}; trying again`);
  const link = new Link({
    urls: config.nats.url,
    tlsName: config.nats.tlsName,
    servers: config.nats.servers,
    caFile: siteFiles(config).caFile,
    material: keys.material,
    keys: keys.natsKeys,
    onAway: (err) => log.warn({ err, url: config.nats.url }, 'NATS does not answer; trying again'),
  });
  link.onUp(() => log.info({ url: config.nats.url }, 'NATS connected'));
  const publisher = new Publisher({
    db,
    database: config.database,
    kek: keys.kek,
    link,
    now,
    onTrouble,
    federation: config.federation,
    maxStalenessMs: config.maxStaleness,
    renewGraceMs: config.renewGrace,
    resignAfterMs: config.maxStaleness / 4,
    caBundle: keys.signer.roots,
    signer: keys.snapshotSigner,
  });
  const ledger = new Ledger({
    db,
    link,
    now,
    onTrouble,
    onMetrics: (gateway, body) => counters.report(gateway, MetricsReport.parse(body)),
    onServers: (gateway, body) => servers.take(gateway, ServerReport.parse(body)),
    onAlarm: (subject, err) => log.error({ err, subject }, 'a message was refused'),
  });
  const retention = new Retention({
    db,
    keepMs: config.auditRetention,
    onDeleted: (records) => log.info({ records }, 'audit records past their retention were deleted'),
    onTrouble,
  });
  return {
    link,
    publisher,
    start: () => {
      publisher.start();
      ledger.start();
      retention.start();
      link.start();
    },
    stop: async () => {
      ledger.stop();
      await retention.stop();
      await publisher.stop();
      await link.stop();
    },
  };
}

type Work = ReturnType<typeof linkWork>;

interface Mountable {
  readonly keys: Keys;
  readonly database: Db;
  readonly work: Work;
  readonly servers: ServerReports;
  /** The certificate of the public name. */
  readonly site: SiteSource;
  readonly log: Logger;
}

function enrolment(
  { federation, renewGrace, certificateLife }: Config,
  { keys, database: { db }, work, log }: Mountable,
  verifyWorkload: VerifyWorkload,
) {
  const { signer, natsKeys, snapshotSigner } = keys;
  return new Enrolment({
    db,
    federation,
    renewGraceMs: renewGrace,
    now,
    signer,
    natsKeys,
    snapshotSigner,
    snapshots: work.publisher,
    certificateLifeMs: certificateLife,
    verifyWorkload,
    onTokenRefused: ({ reason, ...names }) => log.warn(names, `enrolment refused: ${reason}`),
    onKeysReplaced: (gateway, pod) =>
      log.warn(
        { gateway, pod },
        'a pod enrolled again with other keys, which replace those it had; its former certificate holds until it ends',
      ),
  });
}

function natsServers(
  { federation, certificateLife, siteCertificate, nats: { workloadIdentity: identity, clusterHost } }: Config,
  { keys, database: { db }, site, log }: Mountable,
  verifyWorkload: VerifyWorkload,
) {
  const { signer, natsKeys } = keys;
  return new NatsServers({
    pods: identity && clusterHost !== undefined ? { identity, clusterHost } : undefined,
    publicPair: 'acme' in siteCertificate ? () => site.current() : undefined,
    federation,
    signer,
    natsKeys,
    verifyWorkload,
    revoked: () => readRevoked(db, now()),
    certificateLifeMs: certificateLife,
    onTokenRefused: (reason) => log.warn(`enrolment of a NATS server refused: ${reason}`),
  });
}

function mounting(config: Config, mountable: Mountable, ready: () => boolean) {
  const { federation, url } = config;
  const { keys, database, work, servers } = mountable;
  const verifyWorkload = workloadVerifier(now);
  const { db } = database;
  const routes = routesOf({
    db,
    kek: keys.kek,
    enrolling: enrolment(config, mountable, verifyWorkload),
    natsServers: natsServers(config, mountable, verifyWorkload),
    snapshots: work.publisher,
    nats: work.link,
    servers,
    ordersCertificates: config.certificates !== undefined,
    federation,
    version: VERSION,
    now,
  });
  return { routes, db, meshName: meshName(CONTROL, federation), url, version: VERSION, ready, now };
}

/** Migrates as soon as PostgreSQL answers. Throws what waiting cannot mend. */
async function untilMigrated({ database }: Config, log: Logger, signal: AbortSignal): Promise<void> {
  const { host } = new URL(database.url);
  for (let told = false; !signal.aborted; told = true) {
    try {
      const applied = await migrate(database);
      log.info({ host, applied }, 'PostgreSQL answers; the schema is up to date');
      return;
    } catch (err) {
      if (!databaseAway(err)) throw err;
      if (!told) log.warn({ err, host }, 'PostgreSQL does not answer; waiting for it');
      await wait(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
}
