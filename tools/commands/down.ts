// `npm run down`: ends and removes everything that `up` made. The engine destroys what its state knows; what it does not
// know (a CLI killed while it created something) is found by its run file. Can be run again, and on a stack that is not.

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed } from '../local/command-failed.ts';
import { runEngine } from '../local/engine.ts';
import { readOptions } from '../local/options.ts';
import { end, localProcesses } from '../local/processes.ts';
import { holdingStack, runCommand } from '../local/run-command.ts';
import { removeCluster } from '../postgres/index.ts';
import { cancelAbandonedLock, hasStack, pulumiFor, type StackPlace } from '../stack/index.ts';

await runCommand(async (args) => {
  const given = readOptions('down', args, { 'keep-data': { type: 'boolean' }, verbose: { type: 'boolean' } });
  await holdingStack(given.stack, async (place) => {
    if (!existsSync(place.folder)) return console.log(`There is no stack ${place.name}; nothing to remove.`);
    if (hasStack(place)) await destroy(place, given.flag('verbose'));
    await endLeftovers(place);
    await removeFiles(place, given.flag('keep-data'));
    console.log(
      `Stack ${place.name} is removed${given.flag('keep-data') ? `; its data stays in ${place.folder}` : ''}.`,
    );
  });
});

/** A stack of this machine is no more than its processes and its folder, so both go even where the engine fails. */
async function destroy(place: StackPlace, verbose: boolean): Promise<void> {
  const pulumi = await pulumiFor(place);
  await cancelAbandonedLock(pulumi);
  console.log(`Stack ${place.name}: pulumi destroy`);
  await runEngine(pulumi, ['destroy'], { verbose, tell: (line) => console.log(`  ${line}`) }).catch(
    (error: unknown) => {
      if (!(error instanceof CommandFailed)) throw error;
      console.error(`${error.message}\nWhat is left is ended and removed without the engine.`);
    },
  );
}

async function endLeftovers(place: StackPlace): Promise<void> {
  for (const one of await localProcesses(place)) await end(place.checkout, one);
}

async function removeFiles(place: StackPlace, keepData: boolean): Promise<void> {
  if (keepData) return rm(join(place.folder, 'local.json'), { force: true });
  await removeCluster(join(place.folder, 'postgres'));
  await rm(place.folder, { recursive: true, force: true });
}
