// The settings of a stack that runs in clusters: stacks/Pulumi.<stack>.yaml, which a person writes. The engine gets a copy in
// .portolan/<stack>/, which also holds the salt of its passphrase, and what stand-ins put in place of clusters.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { CommandFailed } from '../local/command-failed.ts';
import type { StackPlace } from '../stack/index.ts';

/** What the tools must know of program `kubernetes`'s settings; all else is the program's. */
export const ProgramSettings = z.looseObject({
  program: z.literal('kubernetes'),
  sites: z.record(
    z.string(),
    z.looseObject({
      cluster: z.looseObject({ kubeconfig: z.string() }),
      ingress: z.looseObject({ kind: z.string(), class: z.string().optional() }),
      storageClass: z.string().optional(),
      monitoring: z.string().optional(),
    }),
  ),
  control: z.looseObject({ site: z.string(), url: z.url() }),
  gateways: z.record(z.string(), z.looseObject({ site: z.string(), url: z.string() })),
});
export type ProgramSettings = z.output<typeof ProgramSettings>;

export const programFile = ({ checkout, name }: StackPlace): string => join(checkout, 'stacks', `Pulumi.${name}.yaml`);

/** Whether the stack has settings of its own in stacks/; those of a local stack are written by `up`. */
export const isProgram = (place: StackPlace): boolean => existsSync(programFile(place));

/** Throws CommandFailed that names the file and every fault. */
export async function readProgramSettings(place: StackPlace): Promise<ProgramSettings> {
  const file = programFile(place);
  const prefix = `${place.project}:`;
  const read = z
    .object({ config: z.record(z.string(), z.unknown()) })
    .safeParse(parseYaml(file, await readFile(file, 'utf8')));
  const own = Object.entries(read.data?.config ?? {}).filter(([key]) => key.startsWith(prefix));
  const settings = ProgramSettings.safeParse(
    Object.fromEntries(own.map(([k, value]) => [k.slice(prefix.length), value])),
  );
  if (settings.success) return settings.data;
  const faults = settings.error.issues.map(({ path, message }) => `  ${prefix}${path.join('.')}: ${message}`);
  throw new CommandFailed(`${file} cannot be used:\n${faults.join('\n')}\ndocs/kubernetes.md explains each line.`);
}

function parseYaml(file: string, text: string): unknown {
  try {
    return parse(text, { merge: true });
  } catch (error) {
    throw new CommandFailed(`${file} is not YAML: ${(error as Error).message}`);
  }
}
