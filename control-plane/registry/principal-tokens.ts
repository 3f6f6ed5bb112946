/** With a principal die its tokens, in the same transaction: a name that is created again must not bring them back. */
import type { api } from '@portolan/core';
import { sql } from 'kysely';
import { changed } from '../db/index.ts';
import type { Write } from './kind.ts';

/** Tokens with a role are not the principal's of the registry, and stay. */
export async function revokeAllOf(trx: Write, { kind, name }: api.PrincipalRef): Promise<void> {
  const revoked = await trx
    .updateTable('tokens')
    .set({ revoked_at: sql`now()` })
    .where('principal_kind', '=', kind)
    .where('principal_name', '=', name)
    .where('role', 'is', null)
    .where('revoked_at', 'is', null)
    .returning('id')
    .execute();
  for (const { id } of revoked) await changed(trx, 'token', id);
}
