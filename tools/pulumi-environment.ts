// Pulumi on files alone: for a stack of this machine, where its state, passphrase, home and settings lie, and the
// environment in which the CLI finds them and our language host. Nothing outside .portolan/<stack>/ is written, so the
// checkout stays clean. What settings say is left to `up`. Invariant: the passphrase exists as a 0600 file only.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { findTool } from './toolchain/index.ts';

const run = promisify(execFile);

/** Where a stack of this machine keeps what. All paths are absolute. */
export interface StackPlace {
  readonly name: string;
  /** Pulumi project, from Pulumi.yaml. */
  readonly project: string;
  readonly checkout: string;
  /** .portolan/<stack>; everything below lies in it. */
  readonly folder: string;
  readonly state: string;
  readonly home: string;
  readonly passphraseFile: string;
  readonly settingsFile: string;
}

/** The CLI and how to call it for one stack. */
export interface Pulumi {
  readonly place: StackPlace;
  /** Absolute path of the CLI. */
  readonly command: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A stack name that cannot be used; the message says what can. */
export class BadStackName extends Error {}

export async function stackPlace(checkout: string, name: string): Promise<StackPlace> {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) {
    throw new BadStackName(`--stack ${name}: expected a lower-case letter, then up to 30 of a-z, 0-9 and "-"`);
  }
  const folder = join(checkout, '.portolan', name);
  return {
    name,
    project: await projectName(checkout),
    checkout,
    folder,
    state: join(folder, 'state'),
    home: join(folder, 'home'),
    passphraseFile: join(folder, 'passphrase'),
    settingsFile: join(folder, `Pulumi.${name}.yaml`),
  };
}

/** Finds the CLI, makes folders and passphrase where missing. Throws ToolMissing. */
export async function pulumiFor(place: StackPlace, env: NodeJS.ProcessEnv = process.env): Promise<Pulumi> {
  const { path } = await findTool('pulumi', { env });
  for (const folder of [place.folder, place.state, place.home]) await mkdir(folder, { recursive: true, mode: 0o700 });
  await makePassphrase(place.passphraseFile);
  return { place, command: path, env: pulumiEnvironment(place, path, env) };
}

/** The variables of one stack's CLI on top of `env`. Pure but for a look beside the CLI. */
export function pulumiEnvironment(place: StackPlace, cli: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const languageHost = hasOwnLanguageHost(cli) ? [] : [join(import.meta.dirname, 'language-host')];
  const path = [...languageHost, dirname(process.execPath), env.PATH ?? ''].join(delimiter);
  // these would win over the passphrase file, and hide our language host
  const { PULUMI_CONFIG_PASSPHRASE: _, PULUMI_IGNORE_AMBIENT_PLUGINS: __, ...rest } = env;
  return {
    ...rest,
    PATH: path,
    PULUMI_BACKEND_URL: `file://${place.state}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: place.passphraseFile,
    PULUMI_HOME: place.home,
    PULUMI_STACK: place.name,
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
    PULUMI_DISABLE_REGISTRY_RESOLVE: 'true',
    PULUMI_SKIP_CONFIRMATIONS: 'true',
  };
}

/** Commands of the CLI that read a stack's settings; `stack init` is not among them, hence createStack. */
const readSettings = new Set(['up', 'update', 'preview', 'pre', 'refresh', 'destroy', 'down', 'dn', 'import', 'watch', 'logs', 'config']);

/** `args` with --config-file where the command knows it and none is given. */
export function withSettings(place: StackPlace, args: readonly string[]): string[] {
  const at = args.findIndex((arg) => readSettings.has(arg));
  const firstWord = args.findIndex((arg) => /^[a-z]/.test(arg));
  const given = args.some((arg) => arg === '--config-file' || arg.startsWith('--config-file='));
  if (at === -1 || given || (at !== firstWord && !isFlagValue(args, firstWord))) return [...args];
  return [...args.slice(0, at + 1), '--config-file', place.settingsFile, ...args.slice(at + 1)];
}

/** Makes the stack where it is missing. Its settings keep what they had and gain the salt of the passphrase. */
export async function createStack(pulumi: Pulumi): Promise<void> {
  const { place, command, env } = pulumi;
  if (hasStack(place)) return;
  const draft = join(place.folder, 'init');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  // a project of the same name elsewhere: `stack init` writes its settings file beside Pulumi.yaml
  await writeFile(join(draft, 'Pulumi.yaml'), stringify({ name: place.project, runtime: 'nodejs' }));
  const args = ['stack', 'init', place.name, '--secrets-provider', 'passphrase', '--non-interactive'];
  await run(command, args, { cwd: draft, env });
  const made = await readSettings_(join(draft, `Pulumi.${place.name}.yaml`));
  await writeSettings(place, { ...(await readSettings_(place.settingsFile)), ...made });
  await rm(draft, { recursive: true });
}

/** Replaces the stack's own configuration (keys of this project); salt and other projects' keys stay. */
export async function configureStack(place: StackPlace, config: Readonly<Record<string, unknown>>): Promise<void> {
  const settings = await readSettings_(place.settingsFile);
  const before = Object.entries(isRecord(settings.config) ? settings.config : {});
  const others = before.filter(([key]) => !key.startsWith(`${place.project}:`));
  const own = Object.entries(config).map(([key, value]) => [`${place.project}:${key}`, value] as const);
  await writeSettings(place, { ...settings, config: Object.fromEntries([...others, ...own]) });
}

export function hasStack(place: StackPlace): boolean {
  return existsSync(join(place.state, '.pulumi', 'stacks', place.project, `${place.name}.json`));
}
