// Where a stack of this machine keeps what: everything lies in .portolan/<stack>/, so the checkout stays clean. Names and
// paths only; nothing is made here.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { checkStackName } from '../start/options.mjs';

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

/** The checkout that this file belongs to. */
export const checkout = dirname(dirname(import.meta.dirname));

/** @param root Folder with Pulumi.yaml. Throws BadOptions for a name that cannot be used. */
export async function stackPlace(name: string, root: string = checkout): Promise<StackPlace> {
  checkStackName(name);
  const project = await projectName(join(root, 'Pulumi.yaml'));
  return { name, project, checkout: root, ...filesIn(join(root, '.portolan', name), name) };
}

/** The same stack with everything of it in another folder. */
export const placeIn = (place: StackPlace, folder: string): StackPlace => ({
  ...place,
  ...filesIn(folder, place.name),
});

/** The stack's place beside its own where stand-ins play its clusters: state of the two never mixes. */
export const standInsPlace = (place: StackPlace): StackPlace => placeIn(place, `${place.folder}.stand-ins`);

function filesIn(folder: string, name: string) {
  return {
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
