// What a killed CLI was making when it ended, as the file backend remembers it. The engine warns of it at every operation
// until it is told to forget; making it again is safe, because every Create of the provider begins with what it finds.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { StackPlace } from './place.ts';
import { stateFile } from './settings.ts';

interface Checkpoint {
  readonly checkpoint?: {
    readonly latest?: {
      readonly pending_operations?: readonly { readonly type: string; readonly resource: { readonly urn: string } }[];
    };
  };
}

/** Names of the resources; empty where none was being made, or there is no state yet. */
export async function pendingCreates(place: StackPlace): Promise<readonly string[]> {
  if (!existsSync(stateFile(place))) return [];
  const { checkpoint }: Checkpoint = JSON.parse(await readFile(stateFile(place), 'utf8'));
  const pending = checkpoint?.latest?.pending_operations ?? [];
  return pending.filter(({ type }) => type === 'creating').map(({ resource }) => resource.urn.split('::').at(-1) ?? '');
}
