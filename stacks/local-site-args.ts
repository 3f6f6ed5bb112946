/** Settings of program `local` → arguments of its site. Pure. */
import type { LocalDatabase, LocalSiteArgs } from '@portolan/components';
import type { LocalSettings } from './local-settings.ts';

type Own = LocalSettings['local'];

export function siteArgs(own: Own): LocalSiteArgs {
  const { dir, node, natsServer, controlPlaneBundle, gatewayBundle } = own;
  return { dir, node, natsServer, controlPlaneBundle, gatewayBundle, database: databaseOf(own) };
}

function databaseOf({ postgres, databaseUrl = '', passFile }: Own): LocalDatabase {
  if (postgres === undefined) return { kind: 'external', url: databaseUrl, passFile };
  const { command, args, prepare, ...where } = postgres;
  return { kind: 'process', run: { command, args }, prepare, ...where };
}
