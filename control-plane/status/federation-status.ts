/**
 * What the federation looks like now: what was published to each gateway, and what its replicas reported.
 * Reports are the gateways' own words, stored by reports/; nothing here asks a gateway anything.
 */
import { type api, GatewayReport } from '@portolan/core';
import type { Kysely } from 'kysely';
import type { Database } from '../db/index.ts';
import type { NatsLink } from '../ports.ts';
import { judge, type ReplicaState } from './judge.ts';

export interface StatusSources {
  readonly db: Kysely<Database>;
  readonly nats: NatsLink;
  readonly federation: string;
  readonly version: string;
  /** ms since epoch. */
  readonly now: () => number;
}

export async function federationStatus({
  db,
  nats,
  federation,
  version,
  now,
}: StatusSources): Promise<api.FederationStatus> {
  const gateways = await db.selectFrom('gateways').select(['name', 'url', 'status']).orderBy('name').execute();
  const [replicas, published, waiting] = await Promise.all([replicaStates(db), publishedDigests(db), isWaiting(db)]);
  return {
    federation,
    version,
    // PostgreSQL has just answered three questions
    database: { reachable: true },
    nats: { connected: nats.connected(), url: nats.url },
    gateways: gateways.map((gateway) => {
      const state = judge(replicas.get(gateway.name) ?? [], published.get(gateway.name) ?? new Map(), now());
      return { ...gateway, ...state, lag: state.lag === null ? null : state.lag + (waiting ? 1 : 0) };
    }),
  };
}

/** A change that no snapshot holds yet: whoever has just made one must not read "no lag". */
const isWaiting = async (db: Kysely<Database>): Promise<boolean> =>
  (await db.selectFrom('outbox').select('id').limit(1).executeTakeFirst()) !== undefined;

async function replicaStates(db: Kysely<Database>): Promise<ReadonlyMap<string, readonly ReplicaState[]>> {
  const rows = await db
    .selectFrom('gateway_replicas')
    .select(['gateway', 'report', 'reported_at', 'certificate_not_after'])
    .where('revoked_at', 'is', null)
    .execute();
  const states = rows.map(({ gateway, report, reported_at, certificate_not_after }) => ({
    gateway,
    reportedAt: reported_at?.getTime(),
    certificateNotAfter: certificate_not_after.getTime(),
    report: GatewayReport.safeParse(report).data,
  }));
  return Map.groupBy(states, (state) => state.gateway);
}

/** Gateway → revision → digest. */
async function publishedDigests(db: Kysely<Database>): Promise<ReadonlyMap<string, ReadonlyMap<number, string>>> {
  const rows = await db.selectFrom('snapshots').select(['gateway', 'revision', 'digest']).execute();
  const byGateway = Map.groupBy(rows, (row) => row.gateway);
  return new Map(
    [...byGateway].map(([gateway, all]) => [gateway, new Map(all.map((row) => [row.revision, row.digest]))]),
  );
}
