/**
 * Revokes a token: at this API at once, at the gateways with the next snapshot. The row stays, because audit records name its id.
 * Invariant: the last admin token cannot be revoked over the API, or nobody could ever call it again.
 */
import { type Kysely, sql } from 'kysely';
import { change, changed, type Database } from '../db/index.ts';
import { problem } from '../problem.ts';

/** Revoking twice changes nothing. Throws Problem `not_found`, `in_use`. */
export async function revokeToken(db: Kysely<Database>, id: string): Promise<void> {
  await change(db, async (trx) => {
    // every admin token, not this one alone: two that revoke each other at the same time must see each other
    const administrators = await trx
      .selectFrom('tokens')
      .select('id')
      .where('role', '=', 'admin')
      .where('revoked_at', 'is', null)
      .where('expires_at', '>', sql<Date>`now()`)
      .orderBy('id')
      .forUpdate()
      .execute();
    if (administrators.length === 1 && administrators[0]?.id === id)
      throw problem(
        'in_use',
        `Token "${id}" is the last one with role admin: without it nobody could call this API. Have another made first.`,
      );
    const row = await trx.selectFrom('tokens').select('revoked_at').where('id', '=', id).forUpdate().executeTakeFirst();
    if (!row) throw problem('not_found', `Token "${id}" does not exist.`);
    if (row.revoked_at) return;
    await trx.updateTable('tokens').set({ revoked_at: sql`now()` }).where('id', '=', id).execute();
    await changed(trx, 'token', id);
  });
}
