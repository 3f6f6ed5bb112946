/**
 * A real Pulumi engine for a test: the CLI on files alone, with the program inside the test (so that no language host is
 * needed) and the provider as Pulumi.yaml names it. The CLI is the one that `npm test` found, or the newest in the cache.
 */
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LocalWorkspace, PulumiCommand, type Stack } from '@pulumi/pulumi/automation/index.js';

export function findPulumi(): string | undefined {
  const named = process.env.PORTOLAN_PULUMI;
  if (named) return named;
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'portolan');
  return globSync(join(cache, 'pulumi-*', 'pulumi'))
    .sort()
    .at(-1);
}

/** One more provider of Pulumi.yaml, and what its process must find in its environment. */
export interface OtherProvider {
  readonly name: string;
  readonly path: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class Engine implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'portolan-engine-'));
  readonly #pulumi: string;
  readonly #others: readonly OtherProvider[];

  constructor(pulumi: string, others: readonly OtherProvider[] = []) {
    this.#pulumi = pulumi;
    this.#others = others;
    for (const folder of ['state', 'home', 'program']) mkdirSync(join(this.dir, folder));
    writeFileSync(join(this.dir, 'passphrase'), 'test');
    const ours = { name: 'portolan', path: dirname(import.meta.dirname) };
    const providers = [ours, ...others.map(({ name, path }) => ({ name, path }))];
    const project = { name: 'test', runtime: 'nodejs', options: { refresh: 'always' }, plugins: { providers } };
    writeFileSync(join(this.dir, 'program', 'Pulumi.yaml'), JSON.stringify(project));
  }

  get env(): Record<string, string> {
    return {
      PULUMI_BACKEND_URL: `file://${join(this.dir, 'state')}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: join(this.dir, 'passphrase'),
      PULUMI_HOME: join(this.dir, 'home'),
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
      PULUMI_DISABLE_REGISTRY_RESOLVE: 'true',
      ...Object.assign({}, ...this.#others.map(({ env }) => env)),
    };
  }

  /** @param program Creates resources; runs in this process. */
  async stack(program: () => Promise<void>): Promise<Stack> {
    const link = join(this.dir, 'bin', 'bin', 'pulumi');
    if (!existsSync(link)) {
      mkdirSync(dirname(link), { recursive: true });
      writeFileSync(link, `#!/bin/sh\nexec "${this.#pulumi}" "$@"\n`, { mode: 0o755 });
    }
    const pulumiCommand = await PulumiCommand.get({ root: join(this.dir, 'bin'), skipVersionCheck: true });
    const workDir = join(this.dir, 'program');
    return LocalWorkspace.createOrSelectStack(
      { projectName: 'test', stackName: 'test', program },
      { workDir, envVars: this.env, pulumiCommand },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
