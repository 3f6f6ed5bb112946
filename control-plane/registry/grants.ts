/** Grants: allow or deny, for one principal, on one server, of everything or of named tools, prompts and resources. */
import { api, Name } from '@portolan/core';
import { optional, rowKind, stamps, type Write } from './kind.ts';
import { existingPrincipal, existingServer } from './references.ts';

const listed = (list: readonly string[]): string[] | null => (list.length > 0 ? [...list] : null);

export const grants = rowKind<'grants', api.GrantBody, api.GrantView>({
  noun: 'Grant',
  path: 'grants',
  removal: 'Deletes the grant.',
  change: 'grant',
  table: 'grants',
  name: Name,
  body: api.GrantBody,
  view: api.GrantView,
  columns: (body) => ({
    effect: body.effect,
    principal_kind: body.principal.kind,
    principal_name: body.principal.name,
    server: body.server,
    everything: body.everything ?? false,
    tools: body.tools ?? [],
    prompts: body.prompts ?? [],
    resources: body.resources ?? [],
  }),
  viewOf: (row) => ({
    name: row.name,
    effect: row.effect,
    principal: { kind: row.principal_kind, name: row.principal_name },
    server: row.server,
    ...optional('everything', row.everything || null),
    ...optional('tools', listed(row.tools)),
    ...optional('prompts', listed(row.prompts)),
    ...optional('resources', listed(row.resources)),
    ...stamps(row),
  }),
  check,
  referrers: async () => [],
  removed: async () => {},
});

async function check(trx: Write, _: string, body: api.GrantBody): Promise<boolean> {
  await existingPrincipal(trx, body.principal, 'principal.name');
  await existingServer(trx, body.server, 'server');
  return false;
}
