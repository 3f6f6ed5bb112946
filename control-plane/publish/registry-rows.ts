/**
 * The registry as snapshots are made of it: plain rows, sorted. What is expired or revoked at that moment is not in it.
 */
import type { Grant, PrincipalKind, ServerSettings } from '@portolan/core';
import { sql, type Transaction } from 'kysely';
import type { Database } from '../db/index.ts';

export interface GatewayRow {
  readonly name: string;
  readonly url: string;
  readonly dial: string;
  readonly active: boolean;
  /** ms since epoch. */
  readonly minIssuedAt: number;
}
export interface ServerRow {
  readonly name: string;
  readonly url: string;
  readonly gateway: string;
  readonly description: string | null;
  readonly settings: ServerSettings;
}
export interface TokenRow {
  readonly id: string;
  readonly kind: 'pat' | 'vat';
  readonly principal: { readonly kind: PrincipalKind; readonly name: string };
  readonly sha256: Buffer;
  readonly sealedHopKey: Buffer;
  readonly expiresAt: number;
}
export interface RegistryRows {
  readonly gateways: readonly GatewayRow[];
  readonly pairs: readonly (readonly [string, string])[];
  readonly servers: readonly ServerRow[];
  readonly grants: readonly Grant[];
  readonly tokens: readonly TokenRow[];
}

/** All but the gateways, which come with their newest documents (world.ts). `now`: ms since epoch. */
export async function readRegistry(db: Transaction<Database>, now: number): Promise<Omit<RegistryRows, 'gateways'>> {
  return {
    pairs: (await db.selectFrom('peer_pairs').select(['a', 'b']).execute()).map(({ a, b }) => [a, b] as const),
    servers: await db
      .selectFrom('mcp_servers')
      .select(['name', 'url', 'gateway', 'description', 'settings'])
      .orderBy(byteOrder('name'))
      .execute(),
    grants: await grants(db),
    tokens: await tokens(db, now),
  };
}

/** The same order on every server, whatever its locale. */
const byteOrder = (column: string) => sql`${sql.ref(column)} COLLATE "C"`;

async function grants(db: Transaction<Database>): Promise<readonly Grant[]> {
  const rows = await db.selectFrom('grants').selectAll().orderBy(byteOrder('name')).execute();
  return rows.map((row) => ({
    id: row.name,
    effect: row.effect,
    principal: { kind: row.principal_kind, name: row.principal_name },
    server: row.server,
    everything: row.everything,
    tools: row.tools,
    prompts: row.prompts,
    resources: row.resources,
  }));
}

async function tokens(db: Transaction<Database>, now: number): Promise<readonly TokenRow[]> {
  const rows = await db
    .selectFrom('tokens')
    .select(['id', 'kind', 'principal_kind', 'principal_name', 'sha256', 'sealed_hop_key', 'expires_at'])
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', new Date(now))
    // a token with a role opens the API, never a gateway
    .where('role', 'is', null)
    .orderBy(byteOrder('id'))
    .execute();
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    principal: { kind: row.principal_kind, name: row.principal_name },
    sha256: row.sha256,
    sealedHopKey: row.sealed_hop_key,
    expiresAt: row.expires_at.getTime(),
  }));
}
