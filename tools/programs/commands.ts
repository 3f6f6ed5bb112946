// `up`, `preview` and `down` of a stack in clusters.

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed } from '../local/command-failed.ts';
import { runEngine } from '../local/engine.ts';
import { hasStack, type StackPlace, withSettingsFile } from '../stack/index.ts';
import { passThrough } from '../start/pass-through.mjs';
import { type Prepared, prepareProgram } from './prepare.ts';
import { runningStandIns, stopStandIns } from './stand-ins.ts';

export interface ProgramOptions {
  readonly standIns: boolean;
  readonly verbose: boolean;
  readonly signal: AbortSignal;
}

const tell = (line: string): void => console.log(`  ${line}`);
const beginning = '  Pulumi starts, reads the program, and looks at what is there';

export async function upProgram(place: StackPlace, { standIns, verbose, signal }: ProgramOptions): Promise<void> {
  const prepared = await prepareProgram(place, { standIns, tell, signal });
  const { changes } = await runEngine(prepared.pulumi, ['up', '--refresh', ...policyPack(place)], {
    verbose,
    beginning,
    tell,
    signal,
  });
  const counts = Object.entries(changes).map(([change, count]) => `${count} ${change}`);
  console.log(counts.length === 0 ? 'Nothing changed.' : `Changed: ${counts.join(', ')}.`);
  console.log(clustersReport(prepared, standIns));
}

/** The rules of policies/, loosened as stacks/policies.<stack>.json says, where there is one (docs/policies.md). */
export function policyPack({ checkout, name }: StackPlace): readonly string[] {
  const loosened = join(checkout, 'stacks', `policies.${name}.json`);
  const pack = ['--policy-pack', join(checkout, 'policies')];
  return existsSync(loosened) ? [...pack, '--policy-pack-config', loosened] : pack;
}

/** What `up` would do, as the engine prints it. */
export async function previewProgram(place: StackPlace, { standIns, signal }: ProgramOptions): Promise<number> {
  const { pulumi } = await prepareProgram(place, { standIns, tell, signal });
  const args = ['preview', '--refresh', ...policyPack(place), '--diff', '--stack', place.name, '--non-interactive'];
  return passThrough(pulumi.command, withSettingsFile(place, args), { cwd: place.checkout, env: pulumi.env });
}

/** Stand-ins that have ended took all that was made along; from real clusters only the engine removes it. */
export async function downProgram(
  place: StackPlace,
  { verbose, signal }: Omit<ProgramOptions, 'standIns'>,
): Promise<void> {
  if (!existsSync(place.folder)) return console.log(`There is no stack ${place.name}; nothing to remove.`);
  const standIns = await runningStandIns(place);
  const wasOnStandIns = existsSync(`${place.folder}/stand-ins`);
  if (hasStack(place) && (standIns !== undefined || !wasOnStandIns)) {
    const { pulumi } = await prepareProgram(place, { standIns: standIns !== undefined, tell, signal });
    console.log(`Stack ${place.name}: pulumi destroy`);
    await runEngine(pulumi, ['destroy'], { verbose, beginning, tell, signal });
  }
  await stopStandIns(place);
  await rm(place.folder, { recursive: true, force: true });
  console.log(`Stack ${place.name} is removed.`);
}

function clustersReport({ clusters }: Prepared, standIns: boolean): string {
  const lines = [...clusters].map(
    ([site, kubeconfig]) => `  ${site.padEnd(12)} kubectl --kubeconfig ${kubeconfig} get pods -A`,
  );
  if (!standIns) return `\nLook at the clusters:\n${lines.join('\n')}`;
  return [
    '',
    'Real API servers, controllers and schedulers; pods are simulated (kwok) and run nothing. Look at them:',
    ...lines,
    '',
    '`npm run down -- --stack <name>` removes all of it.',
  ].join('\n');
}

/** Throws CommandFailed where an option is for the other sort of stacks. */
export function refuseOption(option: string, given: boolean, place: StackPlace, why: string): void {
  if (given) throw new CommandFailed(`${option}: ${why} (stack ${place.name}).`);
}
