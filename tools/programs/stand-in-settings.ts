// Settings with stand-ins in place of what they name: other clusters, other addresses of balancers, another authority; planes,
// rules and rights stay as they are. Pure.

import { z } from 'zod';
import type { ProgramSettings } from './settings.ts';

/** What the stand-ins' process writes once they are ready. */
export const StandIns = z.object({
  pid: z.int(),
  /** Folder of the stand-in for Pulumi's provider `kubernetes`. */
  provider: z.string(),
  /** Signs the name of the control plane's stand-in. */
  caFile: z.string(),
  sites: z.record(
    z.string(),
    z.object({
      kubeconfig: z.string(),
      issuer: z.string(),
      jwks: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    }),
  ),
  /** Plane → address that its balancer gives. */
  addresses: z.record(z.string(), z.string()),
});
export type StandIns = z.output<typeof StandIns>;

export function withStandIns(settings: ProgramSettings, standIns: StandIns): ProgramSettings {
  const sites = Object.entries(settings.sites).map(([name, site]) => [name, siteOn(settings, standIns, name, site)]);
  return { ...settings, sites: Object.fromEntries(sites) };
}

type Site = ProgramSettings['sites'][string];

function siteOn(settings: ProgramSettings, standIns: StandIns, name: string, site: Site): Site {
  const cluster = standIns.sites[name];
  if (cluster === undefined) throw new Error(`no stand-in for the cluster of site ${name}`);
  const { issuer, jwks, kubeconfig } = cluster;
  const planes = [
    ...(settings.control.site === name ? ['control'] : []),
    ...Object.entries(settings.gateways).flatMap(([plane, { site: at }]) => (at === name ? [plane] : [])),
  ];
  const addresses = Object.fromEntries(planes.map((plane) => [plane, standIns.addresses[plane]]));
  return {
    ...site,
    cluster: { kubeconfig },
    serviceAccounts: { issuer, jwks },
    caFile: standIns.caFile,
    ...(site.ingress.kind === 'load-balancer' ? { ingress: { ...site.ingress, addresses } } : {}),
  };
}
