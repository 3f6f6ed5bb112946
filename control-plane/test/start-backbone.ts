/**
 * Everything of the control plane that runs by itself, linked as serve.ts links it but for the HTTP server: mesh CA and our own certificate, link to
 * NATS, publisher, ledger, enrolment. With a clock of the test's own.
 */
import { type Config, siteFiles } from '../config.ts';
import type { Db } from '../db/index.ts';
import { Enrolment } from '../enrolment/index.ts';
import type { Kek } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import { readSnapshotKey, type SnapshotSigner } from '../keys/snapshot-key.ts';
import { Ledger } from '../ledger/index.ts';
import { ControlCertificate, MeshCa } from '../mesh-ca/index.ts';
import { Link, type NatsKeys, NatsServers, readNatsKeys } from '../nats/index.ts';
import type { Enrolling, MeshMaterial, Snapshots } from '../ports.ts';
import { Publisher, readRevoked } from '../publish/index.ts';
import { workloadVerifier } from '../workload-identity/index.ts';

export interface BackboneSettings {
  readonly config: Config;
  readonly database: Db;
  readonly kek: Kek;
  /** Body of `rpc.<gateway>.metrics`, parsed as JSON and nothing more. */
  readonly onMetrics: (gateway: string, body: unknown) => void;
  /** Something is away or failed; it is tried again by itself. `doing` says what was tried. */
  readonly onTrouble: (doing: string, error: unknown) => void;
  /** A gateway sent what no honest gateway sends. */
  readonly onAlarm: (subject: string, error: unknown) => void;
  /** ms since epoch. Default the system's clock. */
  readonly now?: () => number;
}

export interface Backbone {
  readonly material: MeshMaterial;
  readonly enrolling: Enrolling;
  readonly natsServers: NatsServers;
  readonly snapshots: Snapshots;
  readonly nats: Link;
  stop(): Promise<void>;
}

interface Keys {
  readonly ca: MeshCa;
  readonly material: ControlCertificate;
  readonly nats: NatsKeys;
  readonly snapshot: SnapshotSigner;
}
type Settled = BackboneSettings & { readonly now: () => number };

export async function startBackbone(given: BackboneSettings): Promise<Backbone> {
  const settings: Settled = { now: Date.now, ...given };
  const keys = await readKeys(settings);
  const link = makeLink(settings, keys);
  const publisher = makePublisher(settings, keys, link);
  const ledger = makeLedger(settings, link);
  publisher.start();
  ledger.start();
  link.start();
  return {
    material: keys.material,
    enrolling: makeEnrolment(settings, keys, publisher),
    natsServers: makeNatsServers(settings, keys),
    snapshots: publisher,
    nats: link,
    stop: async () => {
      ledger.stop();
      await Promise.all([publisher.stop(), link.stop()]);
      keys.material.stop();
    },
  };
}

async function readKeys({ config, kek, now, onTrouble }: Settled): Promise<Keys> {
  const files = keyFiles(config.dataDir);
  const ca = await MeshCa.open({
    dataDir: config.dataDir,
    federation: config.federation,
    clusterHost: config.nats.clusterHost,
    kek,
    now,
  });
  const material = await ControlCertificate.start({
    signer: ca,
    federation: config.federation,
    lifeMs: config.certificateLife,
    now,
    onFailure: (error) => onTrouble("renew the control plane's mesh certificate", error),
  });
  return { ca, material, nats: await readNatsKeys(files.natsKeys), snapshot: await readSnapshotKey(files.snapshotKey) };
}

function makeLink({ config, onTrouble }: Settled, keys: Keys): Link {
  return new Link({
    urls: config.nats.url,
    tlsName: config.nats.tlsName,
    servers: config.nats.servers,
    caFile: siteFiles(config).caFile,
    material: keys.material,
    keys: keys.nats,
    onAway: (error) => onTrouble('reach NATS', error),
  });
}

function makePublisher({ config, database, kek, now, onTrouble }: Settled, keys: Keys, link: Link): Publisher {
  return new Publisher({
    db: database.db,
    database: database.address,
    kek,
    link,
    federation: config.federation,
    maxStalenessMs: config.maxStaleness,
    renewGraceMs: config.renewGrace,
    // four times before a gateway would refuse to serve, hourly at most
    resignAfterMs: Math.min(3_600_000, config.maxStaleness / 4),
    caBundle: keys.ca.roots,
    signer: keys.snapshot,
    now,
    onTrouble,
  });
}

const makeLedger = ({ database, now, onMetrics, onTrouble, onAlarm }: Settled, link: Link): Ledger =>
  new Ledger({ db: database.db, link, now, onMetrics, onServers: () => {}, onTrouble, onAlarm });

function makeNatsServers({ config, database, now, onTrouble }: Settled, keys: Keys): NatsServers {
  const { workloadIdentity: identity, clusterHost } = config.nats;
  return new NatsServers({
    publicPair: undefined,
    pods: identity && clusterHost !== undefined ? { identity, clusterHost } : undefined,
    federation: config.federation,
    certificateLifeMs: config.certificateLife,
    signer: keys.ca,
    natsKeys: keys.nats,
    verifyWorkload: workloadVerifier(now),
    revoked: () => readRevoked(database.db, now()),
    onTokenRefused: (reason) => onTrouble('enrol a NATS server', reason),
  });
}

function makeEnrolment({ config, database, now, onTrouble }: Settled, keys: Keys, snapshots: Snapshots): Enrolment {
  return new Enrolment({
    db: database.db,
    federation: config.federation,
    renewGraceMs: config.renewGrace,
    certificateLifeMs: config.certificateLife,
    signer: keys.ca,
    natsKeys: keys.nats,
    snapshotSigner: keys.snapshot,
    snapshots,
    now,
    verifyWorkload: workloadVerifier(now),
    onTokenRefused: ({ reason, ...names }) => onTrouble('enrol', `${reason} ${JSON.stringify(names)}`),
    onKeysReplaced: (gateway, pod) => onTrouble('enrol', `other keys of pod ${pod} of gateway ${gateway}`),
  });
}
