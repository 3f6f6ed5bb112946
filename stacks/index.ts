/** What the engine runs for every stack (Pulumi.yaml, `main`): reads the settings, runs the program that they name. */
import { runtime } from '@pulumi/pulumi';
import { programNamed } from './programs.ts';
import { settingsOf } from './settings.ts';

export default () => {
  const settings = settingsOf(runtime.allConfig());
  return programNamed(settings.program)(settings);
};
