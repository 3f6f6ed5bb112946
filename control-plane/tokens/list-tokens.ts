/** Tokens as the API shows them: everything but what opens anything. Newest first. */
import { type api, Name, PrincipalKind } from '@portolan/core';
import type { Kysely, Selectable } from 'kysely';
import { z } from 'zod';
import { type Page, pageOf, readCursor } from '../cursor.ts';
import type { Database } from '../db/index.ts';
import { problem } from '../problem.ts';

/** `user:alice`, `virtual-account:ci`. */
export const PrincipalText = z
  .string()
  .regex(/^(user|virtual-account):[a-z0-9-]{1,63}$/, 'expected user:<name> or virtual-account:<name>');

export interface TokenFilter {
  readonly principal?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export const viewOf = (row: Selectable<Database['tokens']>): api.TokenView => ({
  id: row.id,
  kind: row.kind,
  principal: { kind: row.principal_kind, name: row.principal_name },
  role: row.role,
  description: row.description,
  last4: row.last4,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
  revokedAt: row.revoked_at?.toISOString() ?? null,
});

export async function listTokens(db: Kysely<Database>, filter: TokenFilter): Promise<Page<api.TokenView>> {
  const rows = await db
    .selectFrom('tokens')
    .selectAll()
    .$if(filter.principal !== undefined, (query) => {
      const { kind, name } = principalOf(filter.principal ?? '');
      return query.where('principal_kind', '=', kind).where('principal_name', '=', name);
    })
    .$if(filter.cursor !== undefined, (query) => {
      const [at, id] = readCursor(z.tuple([z.iso.datetime(), z.string()]), filter.cursor ?? '');
      return query.where((eb) => eb(eb.refTuple('created_at', 'id'), '<', eb.tuple(new Date(at), id)));
    })
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(filter.limit + 1)
    .execute();
  return pageOf(rows.map(viewOf), filter.limit, (view) => [view.createdAt, view.id]);
}

function principalOf(text: string): api.PrincipalRef {
  const [kind, name] = text.split(':');
  return { kind: PrincipalKind.parse(kind), name: Name.parse(name) };
}

/** Throws Problem `not_found`. */
export async function getToken(db: Kysely<Database>, id: string): Promise<api.TokenView> {
  const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw problem('not_found', `Token "${id}" does not exist.`);
  return viewOf(row);
}
