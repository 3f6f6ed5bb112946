/**
 * Everything that a rendering looks at, read in its transaction with as few questions as it takes: on a busy machine each costs more than its answer.
 */
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database } from '../db/index.ts';
import type { DeliverableRow } from './delivered-certificates.ts';
import { type GatewayRow, type RegistryRows, readRegistry } from './registry-rows.ts';
import type { ReplicaRow } from './seal-to-replica.ts';
import type { SealingKeyRow } from './sealing-keys.ts';

/** A gateway's newest stored document. */
export interface Latest {
  readonly revision: number;
  readonly contentHash: string;
  /** ms since epoch. */
  readonly issuedAt: number;
}

/** NATS users of retired gateways: nkey → second (since epoch) of the revocation. */
export type RevokedUsers = Readonly<Record<string, number>>;

export interface World {
  readonly rows: RegistryRows;
  readonly latest: ReadonlyMap<string, Latest>;
  readonly replicas: ReadonlyMap<string, readonly ReplicaRow[]>;
  readonly revoked: RevokedUsers;
  /** Newest first. */
  readonly keys: ReadonlyMap<string, readonly SealingKeyRow[]>;
  /** By gateway; of those that get theirs by ACME. */
  readonly certificates: ReadonlyMap<string, DeliverableRow>;
}

/** `now`: ms since epoch. */
export async function readWorld(trx: Transaction<Database>, renewGraceMs: number, now: number): Promise<World> {
  const gateways = await readGateways(trx);
  const replicas = await readReplicas(trx, renewGraceMs, now);
  return {
    rows: { gateways: gateways.map(({ gateway }) => gateway), ...(await readRegistry(trx, now)) },
    latest: new Map(gateways.flatMap(({ gateway, latest }) => (latest ? [[gateway.name, latest] as const] : []))),
    replicas: Map.groupBy(
      replicas.filter(({ revokedAt }) => revokedAt === undefined),
      ({ gateway }) => gateway,
    ),
    revoked: revokedUsers(replicas, now),
    keys: Map.groupBy(await readKeys(trx), ({ gateway }) => gateway),
    certificates: new Map((await readCertificates(trx)).map((row) => [row.plane, row] as const)),
  };
}

interface GatewayNow {
  readonly gateway: GatewayRow;
  readonly latest: Latest | undefined;
}

async function readGateways(trx: Transaction<Database>): Promise<readonly GatewayNow[]> {
  const rows = await trx
    .selectFrom('gateways as g')
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('snapshots')
          .select(['revision', 'content_hash', 'created_at'])
          .whereRef('gateway', '=', 'g.name')
          .orderBy('revision', 'desc')
          .limit(1)
          .as('s'),
      (join) => join.onTrue(),
    )
    .select([
      'g.name',
      'g.url',
      'g.dial',
      'g.status',
      'g.min_issued_at',
      's.revision',
      's.content_hash',
      's.created_at',
    ])
    .orderBy(sql`g.name COLLATE "C"`)
    .execute();
  return rows.map(({ name, url, dial, status, min_issued_at, revision, content_hash, created_at }) => ({
    gateway: { name, url, dial, active: status === 'active', minIssuedAt: min_issued_at.getTime() },
    latest:
      revision === null || content_hash === null || created_at === null
        ? undefined
        : { revision, contentHash: content_hash, issuedAt: created_at.getTime() },
  }));
}

interface KnownReplica extends ReplicaRow {
  readonly nkey: string;
  readonly notAfter: number;
  readonly revokedAt: number | undefined;
}

/** Replicas that can still come back: with a certificate that is valid or may yet be renewed. A pod does not renew an expired one, it enrols again. */
async function readReplicas(
  trx: Transaction<Database>,
  renewGraceMs: number,
  now: number,
): Promise<readonly KnownReplica[]> {
  const rows = await trx
    .selectFrom('gateway_replicas')
    .select(['gateway', 'replica', 'seal_jwk', 'nkey', 'certificate_not_after', 'revoked_at'])
    .where((eb) => eb.or([eb('left_at', 'is', null), eb('revoked_at', 'is not', null)]))
    .where((eb) =>
      eb.or([
        eb('certificate_not_after', '>', new Date(now)),
        eb.and([eb('certificate_not_after', '>', new Date(now - renewGraceMs)), eb('pod_uid', 'is', null)]),
      ]),
    )
    .orderBy('gateway')
    .orderBy('replica')
    .execute();
  return rows.map(({ gateway, replica, seal_jwk, nkey, certificate_not_after, revoked_at }) => ({
    gateway,
    replica,
    jwk: seal_jwk,
    nkey,
    notAfter: certificate_not_after.getTime(),
    revokedAt: revoked_at?.getTime(),
  }));
}

/** Who is revoked, for whoever renders nothing else. */
export const readRevoked = (db: Kysely<Database>, now: number): Promise<RevokedUsers> =>
  db.transaction().execute(async (trx) => revokedUsers(await readReplicas(trx, 0, now), now));

/** Only those whose JWT, which ends with their certificate, has not expired by itself. In order, so that equal lists are equal texts. */
function revokedUsers(replicas: readonly KnownReplica[], now: number): RevokedUsers {
  const entries = replicas.flatMap(({ nkey, notAfter, revokedAt }) =>
    revokedAt === undefined || notAfter <= now ? [] : [[nkey, Math.floor(revokedAt / 1_000)] as const],
  );
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const readCertificates = (trx: Transaction<Database>): Promise<readonly DeliverableRow[]> =>
  trx
    .selectFrom('certificates as c')
    .innerJoin('gateways as g', 'g.name', 'c.plane')
    .select(['c.plane', 'c.chain', 'c.wrapped_key'])
    .where('g.certificate', '=', 'acme')
    .where('g.status', '=', 'active')
    .execute();

async function readKeys(trx: Transaction<Database>): Promise<readonly SealingKeyRow[]> {
  const rows = await trx.selectFrom('sealing_keys').selectAll().orderBy('created_at', 'desc').orderBy('kid').execute();
  return rows.map(({ gateway, kid, created_at, wrapped }) => ({
    gateway,
    kid,
    createdAt: created_at.getTime(),
    wrapped,
  }));
}
