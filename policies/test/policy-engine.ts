/** The real engine with our pack, started by our language host, and providers that make nothing. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stack } from '@pulumi/pulumi/automation/index.js';
import { Engine } from '../../provider/test/engine.ts';

const checkout = join(import.meta.dirname, '..', '..');
const pack = join(checkout, 'policies');

export class PolicyEngine extends Engine {
  constructor(pulumi: string) {
    super(pulumi);
    const host = join(this.dir, 'home', 'plugins', 'language-nodejs-v1.0.0');
    mkdirSync(host, { recursive: true });
    symlinkSync(
      join(checkout, 'tools', 'language-host', 'pulumi-language-nodejs'),
      join(host, 'pulumi-language-nodejs'),
    );
    const providers = ['kubernetes', 'portolan', 'tls'].map((name) => ({ name, path: this.#echo(name) }));
    const project = { name: 'test', runtime: 'nodejs', plugins: { providers } };
    writeFileSync(join(this.dir, 'program', 'Pulumi.yaml'), JSON.stringify(project));
  }

  #echo(name: string): string {
    const folder = join(this.dir, `provider-${name}`);
    mkdirSync(folder);
    const script = `#!/bin/sh\nexec "${process.execPath}" "${join(import.meta.dirname, 'echo-provider.ts')}" "$@"\n`;
    writeFileSync(join(folder, `pulumi-resource-${name}`), script, { mode: 0o755 });
    return folder;
  }

  override get env(): Record<string, string> {
    // programs and packs run on the Node that runs the test
    return {
      ...super.env,
      PULUMI_IGNORE_AMBIENT_PLUGINS: 'true',
      PATH: `${join(process.execPath, '..')}:${process.env.PATH}`,
    };
  }

  /** What the engine says, and whether it went through. @param config Policy configuration, as a stack has it. */
  async run(program: () => void, how: 'up' | 'preview', config?: object): Promise<{ passed: boolean; output: string }> {
    const stack: Stack = await this.stack(async () => program());
    const configFile = join(this.dir, 'policy-config.json');
    writeFileSync(configFile, JSON.stringify(config ?? {}));
    const output: string[] = [];
    const options = {
      policyPacks: [pack],
      ...(config && { policyPackConfigs: [configFile] }),
      onOutput: (text: string) => output.push(text),
      onError: (text: string) => output.push(text),
      color: 'never' as const,
    };
    try {
      await stack[how](options);
      return { passed: true, output: output.join('') };
    } catch (error) {
      return { passed: false, output: `${output.join('')}\n${error}` };
    }
  }

  /** Types of what the state holds, providers of the SDK's own making left out. */
  async made(): Promise<readonly string[]> {
    const { deployment } = await (await this.stack(async () => {})).exportStack();
    const { resources = [] } = deployment as { resources?: { type: string }[] };
    return resources.map(({ type }) => type).filter((type) => !type.startsWith('pulumi:providers:'));
  }
}
