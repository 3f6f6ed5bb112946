/**
 * Does what a body names exist. Each check locks the row against deletion until commit, so that "it exists" is still true then.
 * Throws Problem `unknown_reference` with the path in the body and what to do.
 */
import type { api } from '@portolan/core';
import { problem } from '../problem.ts';
import type { Write } from './kind.ts';

const unknown = (noun: string, name: string, where: { readonly path: string; readonly collection: string }) =>
  problem(
    'unknown_reference',
    `${where.path}: ${noun} "${name}" does not exist. Create it first (PUT /api/v1/${where.collection}/${name}), or name another.`,
    { path: where.path },
  );

/** A retired gateway does not exist here. FOR SHARE, because retiring is an update, which a foreign key does not stop. */
export async function activeGateway(trx: Write, name: string, path: string): Promise<void> {
  const row = await trx
    .selectFrom('gateways')
    .select('name')
    .where('name', '=', name)
    .where('status', '=', 'active')
    .forShare()
    .executeTakeFirst();
  if (!row) throw unknown('gateway', name, { path, collection: 'gateways' });
}

export async function existingServer(trx: Write, name: string, path: string): Promise<void> {
  const row = await trx
    .selectFrom('mcp_servers')
    .select('name')
    .where('name', '=', name)
    .forKeyShare()
    .executeTakeFirst();
  if (!row) throw unknown('MCP server', name, { path, collection: 'mcp-servers' });
}

export async function existingPrincipal(trx: Write, { kind, name }: api.PrincipalRef, path: string): Promise<void> {
  if (kind === 'user') {
    const row = await trx.selectFrom('users').select('name').where('name', '=', name).forKeyShare().executeTakeFirst();
    if (!row) throw unknown('user', name, { path, collection: 'users' });
  } else {
    const row = await trx
      .selectFrom('virtual_accounts')
      .select('name')
      .where('name', '=', name)
      .forKeyShare()
      .executeTakeFirst();
    if (!row) throw unknown('virtual account', name, { path, collection: 'virtual-accounts' });
  }
}

/** Grants of a principal, as referrers. */
export async function grantsOf(trx: Write, { kind, name }: api.PrincipalRef): Promise<readonly string[]> {
  const grants = await trx
    .selectFrom('grants')
    .select('name')
    .where('principal_kind', '=', kind)
    .where('principal_name', '=', name)
    .orderBy('name')
    .execute();
  return grants.map((grant) => `grant "${grant.name}"`);
}
