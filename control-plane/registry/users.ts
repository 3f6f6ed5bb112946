/** Users. With a user die its tokens: they are revoked in the same transaction. */
import { api, Name } from '@portolan/core';
import { type Kind, optional, type Read, stamps, type Which, type Write, whichNames } from './kind.ts';
import { revokeAllOf } from './principal-tokens.ts';
import { grantsOf } from './references.ts';

export const users: Kind<api.UserBody, api.UserView> = {
  noun: 'User',
  path: 'users',
  removal: 'Deletes the user and revokes its tokens.',
  change: 'user',
  table: 'users',
  name: Name,
  body: api.UserBody,
  view: api.UserView,
  columns: (body) => ({ display_name: body.displayName ?? null, email: body.email ?? null }),
  views,
  check: async () => false,
  referrers,
  remove,
};

async function views(db: Read, which: Which): Promise<readonly api.UserView[]> {
  const { equal, after, limit } = whichNames(which);
  const rows = await db
    .selectFrom('users')
    .selectAll()
    .where('name', '>', after)
    .$if(equal !== null, (query) => query.where('name', '=', equal))
    .orderBy('name')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    name: row.name,
    ...optional('displayName', row.display_name),
    ...optional('email', row.email),
    ...stamps(row),
  }));
}

async function referrers(trx: Write, name: string): Promise<readonly string[]> {
  const accounts = await trx
    .selectFrom('virtual_accounts')
    .select('name')
    .where('owner', '=', name)
    .orderBy('name')
    .execute();
  const owned = accounts.map((account) => `virtual account "${account.name}"`);
  return [...owned, ...(await grantsOf(trx, { kind: 'user', name }))];
}

async function remove(trx: Write, name: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('users').where('name', '=', name).executeTakeFirst();
  await revokeAllOf(trx, { kind: 'user', name });
  return numDeletedRows > 0n;
}
