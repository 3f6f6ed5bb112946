/** Where the programs of a test cluster are: what `npm test` found, or the pinned version of each in the cache. Nothing is built here. */
import { globSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { clusterTools, noClusterVariable, tools } from '../../../tools/toolchain/index.ts';

export type ClusterPrograms = Readonly<Record<(typeof clusterTools)[number], string>>;

/** undefined where one cannot be had: suites that need a cluster are skipped then, which `npm test` says in one block. */
export function findClusterPrograms(): ClusterPrograms | undefined {
  if (process.env[noClusterVariable]) return undefined;
  const found = clusterTools.map((name) => [name, process.env[tools[name].variable] || inCache(name)] as const);
  return found.every(([, path]) => path !== undefined) ? (Object.fromEntries(found) as ClusterPrograms) : undefined;
}

function inCache(name: keyof ClusterPrograms): string | undefined {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'portolan');
  return globSync(join(cache, `${name}-${tools[name].version}-*`, name))
    .sort()
    .at(-1);
}
