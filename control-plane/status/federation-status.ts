/**
 * What the federation looks like now: what was published to each gateway, and what its replicas reported of themselves and of their MCP servers.
 * Reports are the gateways' own words, stored by ledger/reports.ts and server-reports.ts; nothing here asks a gateway anything.
 */
import { type api, GatewayReport } from '@portolan/core';
import type { Kysely } from 'kysely';
import type { Database } from '../db/index.ts';
import type { NatsLink, ServerStates } from '../ports.ts';
import { certificateStatuses } from './certificate-status.ts';
import { judge, type ReplicaState, SILENT_AFTER_MS } from './judge.ts';
import { judgeServer } from './judge-server.ts';

export interface StatusSources {
  readonly db: Kysely<Database>;
  readonly nats: NatsLink;
  readonly servers: ServerStates;
  readonly federation: string;
  readonly version: string;
  /** ms since epoch. */
  readonly now: () => number;
}

export async function federationStatus(sources: StatusSources): Promise<api.FederationStatus> {
  const { db, nats, federation, version, now } = sources;
  const gateways = await db.selectFrom('gateways').select(['name', 'url', 'status']).orderBy('name').execute();
  const [replicas, published, waiting, registered, certificates] = await Promise.all([
    replicaStates(db),
    publishedDigests(db),
    isWaiting(db),
    db.selectFrom('mcp_servers').select(['name', 'gateway']).orderBy('name').execute(),
    certificateStatuses(db, now()),
  ]);
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
    certificates,
    mcpServers: registered.map((server) => serverStatus(sources, server, replicas.get(server.gateway) ?? [])),
  };
}

/** Of one MCP server; undefined where none has that name. */
export async function mcpServerStatus(sources: StatusSources, name: string): Promise<api.McpServerStatus | undefined> {
  const { db } = sources;
  const server = await db
    .selectFrom('mcp_servers')
    .select(['name', 'gateway'])
    .where('name', '=', name)
    .executeTakeFirst();
  return server && serverStatus(sources, server, (await replicaStates(db)).get(server.gateway) ?? []);
}

function serverStatus(
  { servers, now }: StatusSources,
  { name, gateway }: { readonly name: string; readonly gateway: string },
  replicas: readonly ReplicaState[],
): api.McpServerStatus {
  const heard = replicas.filter(({ reportedAt = Number.NEGATIVE_INFINITY }) => now() - reportedAt <= SILENT_AFTER_MS);
  const speaking = new Set(heard.flatMap(({ report }) => report?.replica ?? []));
  return { name, gateway, ...judgeServer(servers.of(gateway, name), speaking) };
}

/** A change that no snapshot holds yet: whoever has just made one must not read "no lag". */
const isWaiting = async (db: Kysely<Database>): Promise<boolean> =>
  (await db.selectFrom('outbox').select('id').limit(1).executeTakeFirst()) !== undefined;

async function replicaStates(db: Kysely<Database>): Promise<ReadonlyMap<string, readonly ReplicaState[]>> {
  const rows = await db
    .selectFrom('gateway_replicas')
    .select(['gateway', 'report', 'reported_at', 'certificate_not_after'])
    .where('revoked_at', 'is', null)
    .where('left_at', 'is', null)
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
