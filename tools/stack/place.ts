// Where a stack of this machine keeps what: everything lies in .portolan/<stack>/, so the checkout stays clean. Names and
// paths only; nothing is made here.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';

/** All paths are absolute. */
export interface StackPlace {
  readonly name: string;
  /** Name of the Pulumi project, from Pulumi.yaml. */
  readonly project: string;
  readonly checkout: string;
  /** .portolan/<stack>; everything below lies in it. */
  readonly folder: string;
  /** Pulumi's backend. */
  readonly state: string;
  /** Pulumi's home: plugins, credentials, workspaces. */
  readonly home: string;
  readonly passphraseFile: string;
  /** Pulumi.<stack>.yaml */
  readonly settingsFile: string;
}

/** A stack name that cannot be used; the message says which can. */
export class BadStackName extends Error {}

/** The checkout that this file belongs to. */
export const checkout = dirname(dirname(import.meta.dirname));

/** @param root Folder with Pulumi.yaml. */
export async function stackPlace(name: string, root: string = checkout): Promise<StackPlace> {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) {
    throw new BadStackName(
      `--stack ${name}: expected a lower-case letter, then up to 30 of a-z, 0-9 and "-", as in "local" or "demo-2"`,
    );
  }
  const folder = join(root, '.portolan', name);
  return {
    name,
    project: await projectName(join(root, 'Pulumi.yaml')),
    checkout: root,
    folder,
    state: join(folder, 'state'),
    home: join(folder, 'home'),
    passphraseFile: join(folder, 'passphrase'),
    settingsFile: join(folder, `Pulumi.${name}.yaml`),
  };
}

async function projectName(file: string): Promise<string> {
  const project: unknown = parse(await readFile(file, 'utf8'));
  const name = typeof project === 'object' && project !== null && 'name' in project ? project.name : undefined;
  if (typeof name !== 'string') throw new Error(`${file}: expected a \`name:\``);
  return name;
}
