// A stack in clusters, ready for the engine: its settings where the engine reads them, with or without stand-ins.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  cancelAbandonedLock,
  createStack,
  hasStack,
  type Pulumi,
  pulumiFor,
  replaceConfig,
  type StackPlace,
} from '../stack/index.ts';
import { type ProgramSettings, readProgramSettings } from './settings.ts';
import { withStandIns } from './stand-in-settings.ts';
import { startStandIns } from './stand-ins.ts';

export interface Prepared {
  readonly pulumi: Pulumi;
  /** Site → kubeconfig. */
  readonly clusters: ReadonlyMap<string, string>;
}

export interface Preparing {
  readonly standIns: boolean;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Of the npm package that programs use. */
const providerVersion = '4.34.2';

export async function prepareProgram(place: StackPlace, { standIns, tell, signal }: Preparing): Promise<Prepared> {
  const written = await readProgramSettings(place);
  tell('Looking for Pulumi.');
  const found = await pulumiFor(place, { signal });
  if (!hasStack(place)) tell('Making the stack.');
  await createStack(found);
  if (standIns) tell('A real API server takes the place of each cluster.');
  const instead = standIns ? await startStandIns(place, written, signal) : undefined;
  const settings = instead ? withStandIns(written, instead) : written;
  await placeSettings(place, settings, instead?.provider);
  for (const { pid } of await cancelAbandonedLock(found))
    tell(`Cancelled the lock of process ${pid}, which has ended.`);
  const clusters = Object.entries(settings.sites).map(([name, { cluster }]) => [name, cluster.kubeconfig] as const);
  return { pulumi: standIns ? found : downloading(found), clusters: new Map(clusters) };
}

/** Puts settings where the engine reads them, and the provider where it finds it: the folder of a stand-in, or the official one. */
export async function placeSettings(place: StackPlace, settings: ProgramSettings, provider?: string): Promise<void> {
  await replaceConfig(place, settings);
  await offerProvider(place, provider);
}

/** Where the engine looks first. Without stand-ins what they left there goes, and the official one comes. */
async function offerProvider(place: StackPlace, provider: string | undefined): Promise<void> {
  const folder = join(place.home, 'plugins', `resource-kubernetes-v${providerVersion}`);
  const program = join(folder, 'pulumi-resource-kubernetes');
  const offered = await readFile(program, 'utf8').catch(() => undefined);
  // a link would not do: the program looks for its parts beside itself
  const wanted = provider && `#!/bin/sh\nexec '${join(provider, 'pulumi-resource-kubernetes')}' "$@"\n`;
  if (offered === wanted) return;
  await rm(folder, { recursive: true, force: true });
  if (wanted === undefined) return;
  await mkdir(folder, { recursive: true });
  await writeFile(program, wanted, { mode: 0o755 });
}

/** Against real clusters the engine may fetch the official provider. */
function downloading(pulumi: Pulumi): Pulumi {
  const { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: _off, ...env } = pulumi.env;
  return { ...pulumi, env };
}
