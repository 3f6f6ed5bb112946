// `npm run restart -- <name>`: one process, without the engine and without any other part: ended and started again as it
// was started last. Its new pid goes into local.json.

import { CommandFailed } from '../local/command-failed.ts';
import { refreshProcesses } from '../local/local-file.ts';
import { localProcesses, restart } from '../local/processes.ts';
import { holdingStack, runCommand } from '../local/run-command.ts';

await runCommand('restart', async ({ stack, word: name }, signal) => {
  await holdingStack(stack, signal, async (place) => {
    const processes = await localProcesses(place);
    const found = processes.find((one) => one.name === name);
    if (found === undefined)
      throw new CommandFailed(
        unknown(
          name,
          place.name,
          processes.map((one) => one.name),
        ),
        2,
      );
    const told = await restart(place.checkout, found, signal).finally(() => refreshProcesses(place));
    console.log(told);
  });
});

function unknown(name: string, stack: string, known: readonly string[]): string {
  if (known.length === 0) return `Stack ${stack} has no processes; \`npm run up\` starts them.`;
  return `Stack ${stack} has no process "${name}". It has: ${known.join(', ')}.`;
}
