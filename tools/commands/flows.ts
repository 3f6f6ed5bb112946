// `npx portolan flows`: every rule of a stack's networks with its reason and both ends, from what its program exported at the last `up`.

import { CommandFailed } from '../local/command-failed.ts';
import { runCommand } from '../local/run-command.ts';
import { ExportedFlows, flowsReport } from '../stack/flows-report.ts';
import { stackOutputs, stackPlace, standInsPlace } from '../stack/index.ts';

await runCommand('flows', async (given) => {
  const place = await stackPlace(given.stack);
  const { name } = place;
  const outputs = (await stackOutputs(place)) ?? (await stackOutputs(standInsPlace(place)));
  if (outputs === undefined)
    throw new CommandFailed(`Stack ${name} is not up, so its addresses are not known. \`npm run up\` starts it.`);
  const json = given.flag('json');
  if (outputs.flows === undefined) {
    console.log(
      json
        ? '[]'
        : `Stack ${name} has no rules: its planes are processes of this machine, and no network lies between them.`,
    );
    return;
  }
  const flows = ExportedFlows.safeParse(outputs.flows);
  if (!flows.success)
    throw new CommandFailed(
      `Stack ${name} was made by another version: its output \`flows\` is not a list of rules. Run its \`up\` again.`,
    );
  console.log(json ? JSON.stringify(flows.data, null, 2) : flowsReport(flows.data));
});
