/** What the engine runs for every stack (Pulumi.yaml, `main`): reads the settings, runs the program that they name. */
import { runtime } from '@pulumi/pulumi';
import { allOrNothing } from './all-or-nothing.ts';
import { programNamed } from './programs.ts';
import { settingsOf } from './settings.ts';

export default () => {
  const settings = settingsOf(runtime.allConfig());
  const program = programNamed(settings.program);
  return allOrNothing(() => program(settings));
};
