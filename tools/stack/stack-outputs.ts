// What a stack's program exported at its last `up`, as the file backend remembers it. No engine runs.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { StackPlace } from './place.ts';
import { stateFile } from './settings.ts';

interface Checkpoint {
  readonly checkpoint?: {
    readonly latest?: {
      readonly resources?: readonly { readonly type: string; readonly outputs?: Readonly<Record<string, unknown>> }[];
    };
  };
}

/** By name; secret ones stay encrypted. Undefined where nothing is up. */
export async function stackOutputs(place: StackPlace): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (!existsSync(stateFile(place))) return undefined;
  const { checkpoint }: Checkpoint = JSON.parse(await readFile(stateFile(place), 'utf8'));
  const stack = checkpoint?.latest?.resources?.find(({ type }) => type === 'pulumi:pulumi:Stack');
  return stack && (stack.outputs ?? {});
}
