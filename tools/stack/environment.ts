// Pulumi on files alone: the CLI and the environment in which it finds a stack's backend, passphrase and our language
// host. It leaves the stack's settings to settings.ts. Invariant: the passphrase exists as a 0600 file only, never in an
// environment or an argument.

import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { link, mkdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { type FindOptions, findTool } from '../toolchain/index.ts';
import type { StackPlace } from './place.ts';

/** The CLI and how to call it for one stack. */
export interface Pulumi {
  readonly place: StackPlace;
  /** Absolute path of the CLI. */
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

const languageHost = join(dirname(import.meta.dirname), 'language-host', 'pulumi-language-nodejs');

/** Finds the CLI, and makes folders and passphrase where missing. Throws ToolMissing. */
export async function pulumiFor(place: StackPlace, options: FindOptions = {}): Promise<Pulumi> {
  const { env = process.env } = options;
  const { path } = await findTool('pulumi', options);
  for (const folder of [place.folder, place.state, place.home]) await mkdir(folder, { recursive: true, mode: 0o700 });
  await makePassphrase(place.passphraseFile);
  await offerLanguageHost(join(place.home, 'plugins', 'language-nodejs-v1.0.0'), path);
  return { place, command: path, env: pulumiEnvironment(place, env) };
}

/** The variables of one stack's CLI on top of `env`. Node of the running process is first on PATH: programs run on it. */
export function pulumiEnvironment(place: StackPlace, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PULUMI_CONFIG_PASSPHRASE: _wouldWin, ...rest } = env;
  return {
    ...rest,
    PATH: [dirname(process.execPath), env.PATH ?? ''].join(delimiter),
    PULUMI_BACKEND_URL: `file://${place.state}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: place.passphraseFile,
    PULUMI_HOME: place.home,
    PULUMI_STACK: place.name,
    // a language host of some other Pulumi on PATH would win over the one that fits
    PULUMI_IGNORE_AMBIENT_PLUGINS: 'true',
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
    PULUMI_DISABLE_REGISTRY_RESOLVE: 'true',
    PULUMI_SKIP_CONFIRMATIONS: 'true',
  };
}

/** Commands of the CLI that read a stack's settings file. */
const readingSettings = new Set([
  'up',
  'update',
  'preview',
  'pre',
  'refresh',
  'destroy',
  'down',
  'dn',
  'import',
  'watch',
  'logs',
  'config',
  'cfg',
  'conf',
]);

/** `args` with --config-file after the command, where that command knows it and none is given. */
export function withSettingsFile(place: StackPlace, args: readonly string[]): string[] {
  const at = commandIndex(args);
  const given = args.some((arg) => arg === '--config-file' || arg.startsWith('--config-file='));
  if (given || !readingSettings.has(args[at] ?? '')) return [...args];
  return [...args.slice(0, at + 1), '--config-file', place.settingsFile, ...args.slice(at + 1)];
}

const flagsWithValue = new Set([
  '-C',
  '--cwd',
  '-s',
  '--stack',
  '-v',
  '--verbose',
  '--color',
  '--profiling',
  '--tracing',
  '--memprofilerate',
]);

/** Where the CLI's command stands: the first argument that is neither a flag nor a flag's value. */
function commandIndex(args: readonly string[]): number {
  return args.findIndex((arg, at) => !arg.startsWith('-') && !flagsWithValue.has(args[at - 1] ?? ''));
}

/** Puts our language host where the CLI looks after its own folder, unless it has an official one there. */
async function offerLanguageHost(folder: string, cli: string): Promise<void> {
  const offered = join(folder, basename(languageHost));
  const wanted = hasOwnLanguageHost(cli) ? undefined : languageHost;
  // another CLI may be at work on this stack: what is right already is not touched
  if ((await readlink(offered).catch(() => undefined)) === wanted) return;
  await rm(folder, { recursive: true, force: true });
  if (wanted === undefined) return;
  await mkdir(folder, { recursive: true });
  await symlink(wanted, offered);
}

/** The official download brings its own; one built from Go modules has none. */
function hasOwnLanguageHost(cli: string): boolean {
  return existsSync(join(dirname(realpathSync(cli)), 'pulumi-language-nodejs'));
}

/** By link, so that two runs at once agree on one, and a killed run leaves none that is half written. */
async function makePassphrase(file: string): Promise<void> {
  if (existsSync(file)) return;
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, randomBytes(32).toString('base64url'), { mode: 0o600 });
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
}
