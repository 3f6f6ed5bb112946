/** Users. With a user die its tokens: they are revoked in the same transaction. */
import { api, Name } from '@portolan/core';
import { optional, rowKind, stamps, type Write } from './kind.ts';
import { revokeAllOf } from './principal-tokens.ts';
import { grantsOf } from './references.ts';

export const users = rowKind<'users', api.UserBody, api.UserView>({
  noun: 'User',
  path: 'users',
  removal: 'Deletes the user and revokes its tokens.',
  change: 'user',
  table: 'users',
  name: Name,
  body: api.UserBody,
  view: api.UserView,
  columns: (body) => ({ display_name: body.displayName ?? null, email: body.email ?? null }),
  viewOf: (row) => ({
    name: row.name,
    ...optional('displayName', row.display_name),
    ...optional('email', row.email),
    ...stamps(row),
  }),
  check: async () => false,
  referrers,
  removed: (trx, name) => revokeAllOf(trx, { kind: 'user', name }),
});

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
