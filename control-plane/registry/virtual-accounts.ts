/** Virtual accounts: principals of applications, each owned by a user. With one die its tokens. */
import { api, Name } from '@portolan/core';
import { type Kind, optional, type Read, stamps, type Which, type Write, whichNames } from './kind.ts';
import { revokeAllOf } from './principal-tokens.ts';
import { existingPrincipal, grantsOf } from './references.ts';

export const virtualAccounts: Kind<api.VirtualAccountBody, api.VirtualAccountView> = {
  noun: 'Virtual account',
  path: 'virtual-accounts',
  removal: 'Deletes the virtual account and revokes its tokens.',
  change: 'virtual-account',
  table: 'virtual_accounts',
  name: Name,
  body: api.VirtualAccountBody,
  view: api.VirtualAccountView,
  columns: (body) => ({ display_name: body.displayName ?? null, owner: body.owner }),
  views,
  check,
  referrers: (trx, name) => grantsOf(trx, { kind: 'virtual-account', name }),
  remove,
};

async function views(db: Read, which: Which): Promise<readonly api.VirtualAccountView[]> {
  const { equal, after, limit } = whichNames(which);
  const rows = await db
    .selectFrom('virtual_accounts')
    .selectAll()
    .where('name', '>', after)
    .$if(equal !== null, (query) => query.where('name', '=', equal))
    .orderBy('name')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    name: row.name,
    ...optional('displayName', row.display_name),
    owner: row.owner,
    ...stamps(row),
  }));
}

async function check(trx: Write, _: string, body: api.VirtualAccountBody): Promise<boolean> {
  await existingPrincipal(trx, { kind: 'user', name: body.owner }, 'owner');
  return false;
}

async function remove(trx: Write, name: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('virtual_accounts').where('name', '=', name).executeTakeFirst();
  await revokeAllOf(trx, { kind: 'virtual-account', name });
  return numDeletedRows > 0n;
}
