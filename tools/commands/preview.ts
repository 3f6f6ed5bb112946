// `npm run preview`: what `up` would change in a stack that runs in clusters, through the real engine, with a real API server in
// place of each cluster unless `--clusters` asks for those that the settings name.

import { CommandFailed } from '../local/command-failed.ts';
import { holdingStack, runCommand } from '../local/run-command.ts';
import { previewProgram } from '../programs/commands.ts';
import { isProgram, programFile } from '../programs/settings.ts';

await runCommand('preview', async (given, signal) => {
  await holdingStack(given.stack, signal, async (place) => {
    if (!isProgram(place))
      throw new CommandFailed(
        `Stack ${place.name} has no settings: expected ${programFile(place)}, as for dev and onprem.`,
      );
    const standIns = !given.flag('clusters');
    process.exitCode = await previewProgram(place, { standIns, verbose: true, signal });
  });
});
