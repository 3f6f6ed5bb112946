/** Virtual accounts: principals of applications, each owned by a user. With one die its tokens. */
import { api, Name } from '@portolan/core';
import { optional, rowKind, stamps, type Write } from './kind.ts';
import { revokeAllOf } from './principal-tokens.ts';
import { existingPrincipal, grantsOf } from './references.ts';

export const virtualAccounts = rowKind<'virtual_accounts', api.VirtualAccountBody, api.VirtualAccountView>({
  noun: 'Virtual account',
  path: 'virtual-accounts',
  removal: 'Deletes the virtual account and revokes its tokens.',
  change: 'virtual-account',
  table: 'virtual_accounts',
  name: Name,
  body: api.VirtualAccountBody,
  view: api.VirtualAccountView,
  columns: (body) => ({ display_name: body.displayName ?? null, owner: body.owner }),
  viewOf: (row) => ({
    name: row.name,
    ...optional('displayName', row.display_name),
    owner: row.owner,
    ...stamps(row),
  }),
  check,
  referrers: (trx, name) => grantsOf(trx, { kind: 'virtual-account', name }),
  removed: (trx, name) => revokeAllOf(trx, { kind: 'virtual-account', name }),
});

async function check(trx: Write, _: string, body: api.VirtualAccountBody): Promise<boolean> {
  await existingPrincipal(trx, { kind: 'user', name: body.owner }, 'owner');
  return false;
}
