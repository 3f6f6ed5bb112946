// A stack and its settings file, Pulumi.<stack>.yaml. `pulumi stack init` writes one beside Pulumi.yaml and knows no
// --config-file, so it runs on a copy of the project's name and the file is taken over. Invariant: the salt of the
// passphrase, once in the settings, stays there.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import type { Pulumi } from './environment.ts';
import type { StackPlace } from './place.ts';
import { replaceFile } from './replace-file.ts';

const run = promisify(execFile);

type Settings = Readonly<Record<string, unknown>>;

/** Makes the stack where it is missing. */
export async function createStack({ place, command, env }: Pulumi): Promise<void> {
  if (hasStack(place)) return;
  const draft = join(place.folder, 'init');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await writeFile(join(draft, 'Pulumi.yaml'), stringify({ name: place.project, runtime: 'nodejs' }));
  const args = ['stack', 'init', place.name, '--secrets-provider', 'passphrase', '--non-interactive'];
  await run(command, args, { cwd: draft, env });
  const made = await readSettings(join(draft, `Pulumi.${place.name}.yaml`));
  await writeSettings(place, { ...(await readSettings(place.settingsFile)), ...made });
  await rm(draft, { recursive: true });
}

export function hasStack(place: StackPlace): boolean {
  return existsSync(stateFile(place));
}

/** Where the file backend keeps the stack's state. */
export function stateFile(place: StackPlace): string {
  return join(place.state, '.pulumi', 'stacks', place.project, `${place.name}.json`);
}

/** Sets keys of this project's configuration (undefined removes one); all others, a person's too, stay. Writes nothing when nothing changes. */
export async function configureStack(place: StackPlace, config: Readonly<Record<string, unknown>>): Promise<void> {
  const settings = await readSettings(place.settingsFile);
  const own = Object.entries(config).map(([key, value]) => [`${place.project}:${key}`, value]);
  await writeSettings(place, { ...settings, config: { ...asRecord(settings.config), ...Object.fromEntries(own) } });
}

/** Makes this project's configuration exactly this; other projects' keys, and the passphrase's salt, stay. */
export async function replaceConfig(place: StackPlace, config: Readonly<Record<string, unknown>>): Promise<void> {
  const settings = await readSettings(place.settingsFile);
  const prefix = `${place.project}:`;
  const others = Object.entries(asRecord(settings.config)).filter(([key]) => !key.startsWith(prefix));
  const own = Object.entries(config).map(([key, value]) => [prefix + key, value] as const);
  await writeSettings(place, { ...settings, config: Object.fromEntries([...others, ...own]) });
}

/** One value of this project's configuration as the settings file has it; undefined when it is not there. */
export async function readConfig(place: StackPlace, key: string): Promise<unknown> {
  const settings = await readSettings(place.settingsFile);
  return asRecord(settings.config)[`${place.project}:${key}`];
}

async function readSettings(file: string): Promise<Settings> {
  if (!existsSync(file)) return {};
  return asRecord(parse(await readFile(file, 'utf8')));
}

async function writeSettings(place: StackPlace, settings: Settings): Promise<void> {
  const text = stringify(settings);
  if (existsSync(place.settingsFile) && (await readFile(place.settingsFile, 'utf8')) === text) return;
  await replaceFile(place.settingsFile, text);
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
