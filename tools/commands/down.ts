// `npm run down`: ends and removes everything that `up` made. The engine destroys what its state knows; what it does not
// know (a CLI killed while it created something) is found by its run file. Can be run again, and on a stack that is not.

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runEngine } from '../local/engine.ts';
import { EngineFailed } from '../local/engine-failure.ts';
import { end, localProcesses } from '../local/processes.ts';
import { holdingStack, runCommand } from '../local/run-command.ts';
import { removeCluster } from '../postgres/index.ts';
import { downProgram } from '../programs/commands.ts';
import { isProgram } from '../programs/settings.ts';
import { cancelAbandonedLock, hasStack, pulumiFor, type StackPlace } from '../stack/index.ts';

await runCommand('down', async (given, signal) => {
  await holdingStack(given.stack, signal, async (place) => {
    if (isProgram(place))
      return downProgram(place, { standIns: given.flag('stand-ins'), verbose: given.flag('verbose'), signal });
    if (!existsSync(place.folder)) return console.log(`There is no stack ${place.name}; nothing to remove.`);
    if (hasStack(place)) await destroy(place, given.flag('verbose'), signal);
    await endLeftovers(place, signal);
    await removeFiles(place, given.flag('keep-data'));
    console.log(
      `Stack ${place.name} is removed${given.flag('keep-data') ? `; its data stays in ${place.folder}` : ''}.`,
    );
  });
});

/** A stack of this machine is no more than its processes and its folder, so both go even where the engine fails. */
async function destroy(place: StackPlace, verbose: boolean, signal: AbortSignal): Promise<void> {
  const pulumi = await pulumiFor(place, { signal });
  await cancelAbandonedLock(pulumi);
  console.log(`Stack ${place.name}: pulumi destroy`);
  const tell = (line: string) => console.log(`  ${line}`);
  const beginning = 'Pulumi starts, and looks at what runs';
  await runEngine(pulumi, ['destroy'], { verbose, beginning, tell, signal }).catch((error: unknown) => {
    if (!(error instanceof EngineFailed)) throw error;
    console.error(`${error.causes}\n\nWhat is left is ended and removed without the engine.`);
  });
}

async function endLeftovers(place: StackPlace, signal: AbortSignal): Promise<void> {
  for (const one of await localProcesses(place)) await end(place.checkout, one, signal);
}

async function removeFiles(place: StackPlace, keepData: boolean): Promise<void> {
  if (keepData) return rm(join(place.folder, 'local.json'), { force: true });
  await removeCluster(join(place.folder, 'postgres'));
  await rm(place.folder, { recursive: true, force: true });
}
