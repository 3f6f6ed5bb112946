/** A stack in clusters, in a folder of the test's own, by the command line's own way to the engine. */
import { runEngine } from '../../tools/local/engine.ts';
import { policyPack } from '../../tools/programs/commands.ts';
import { placeSettings } from '../../tools/programs/prepare.ts';
import type { ProgramSettings } from '../../tools/programs/settings.ts';
import { createStack, placeIn, pulumiFor, type StackPlace, stackPlace } from '../../tools/stack/index.ts';
import { kubernetesPlugin } from '../stand-ins/kubernetes/index.ts';

export interface ProgramStack {
  readonly place: StackPlace;
  /** `up` with refresh and the policy pack. Answers what the engine tells: `+ paris-deployment (Deployment)`, and nothing for what stays. */
  up(settings: ProgramSettings): Promise<readonly string[]>;
  destroy(): Promise<void>;
}

/** @param folder Where its state goes; @param env Of the engine and its providers, beside this process's. */
export async function programStack(
  name: string,
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<ProgramStack> {
  const place = placeIn(await stackPlace(name), folder);
  const pulumi = await pulumiFor(place, { env: { ...process.env, ...env } });
  await createStack(pulumi);
  const run = async (operation: readonly string[]): Promise<readonly string[]> => {
    const lines: string[] = [];
    const tell = (line: string) => lines.push(line.trim());
    const { signal } = new AbortController();
    await runEngine(pulumi, operation, { verbose: false, beginning: `  pulumi ${operation[0]}`, tell, signal });
    return lines;
  };
  return {
    place,
    up: async (settings) => {
      await placeSettings(place, settings, kubernetesPlugin.path);
      return run(['up', '--refresh', ...policyPack(place)]);
    },
    destroy: async () => {
      await run(['destroy']);
    },
  };
}
