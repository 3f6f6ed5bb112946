// `up`, `preview` and `down` of a stack in clusters.

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed } from '../local/command-failed.ts';
import { runEngine } from '../local/engine.ts';
import { hasStack, type StackPlace, standInsPlace, withSettingsFile } from '../stack/index.ts';
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

export async function upProgram(stack: StackPlace, { standIns, verbose, signal }: ProgramOptions): Promise<void> {
  const place = placeOf(stack, standIns);
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

const placeOf = (stack: StackPlace, standIns: boolean): StackPlace => (standIns ? standInsPlace(stack) : stack);

/** The rules of policies/, loosened as stacks/policies.<stack>.json says, where there is one (docs/policies.md). */
export function policyPack({ checkout, name }: StackPlace): readonly string[] {
  const loosened = join(checkout, 'stacks', `policies.${name}.json`);
  const pack = ['--policy-pack', join(checkout, 'policies')];
  return existsSync(loosened) ? [...pack, '--policy-pack-config', loosened] : pack;
}

/** What `up` would do, as the engine prints it. */
export async function previewProgram(stack: StackPlace, { standIns, signal }: ProgramOptions): Promise<number> {
  const place = placeOf(stack, standIns);
  const { pulumi } = await prepareProgram(place, { standIns, tell, signal });
  const args = ['preview', '--refresh', ...policyPack(place), '--diff', '--stack', place.name, '--non-interactive'];
  return passThrough(pulumi.command, withSettingsFile(place, args), { cwd: place.checkout, env: pulumi.env });
}

/** What was made in clusters, or, asked for or nothing else there, what was made on stand-ins. */
export async function downProgram(stack: StackPlace, { standIns, verbose, signal }: ProgramOptions): Promise<void> {
  const isOnStandIns = standIns || !existsSync(stack.folder);
  const place = placeOf(stack, isOnStandIns);
  if (!existsSync(place.folder)) return console.log(`There is no stack ${place.name}; nothing to remove.`);
  // stand-ins that have ended took all that was made along; from clusters only the engine removes it
  if (hasStack(place) && (!isOnStandIns || (await runningStandIns(place)) !== undefined)) {
    const { pulumi } = await prepareProgram(place, { standIns: isOnStandIns, tell, signal });
    console.log(`Stack ${place.name}: pulumi destroy`);
    await runEngine(pulumi, ['destroy'], { verbose, beginning, tell, signal });
  }
  await stopStandIns(place);
  await rm(place.folder, { recursive: true, force: true });
  console.log(`Stack ${place.name}${isOnStandIns ? ' on stand-ins' : ''} is removed.`);
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
