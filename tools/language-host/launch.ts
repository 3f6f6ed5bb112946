// What a language host starts, as a plain value, and where the SDK's own entry points are found: beside the program, so
// that each program runs on the SDK that it installed.

import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type EntryPoint = 'run' | 'run-plugin' | 'run-policy-pack';

/** Path of @pulumi/pulumi/cmd/<entry> as seen from `folder`. Throws an Error that says what to install where. */
export function sdkEntryPoint(entry: EntryPoint, folder: string): string {
  try {
    return createRequire(join(folder, 'package.json')).resolve(`@pulumi/pulumi/cmd/${entry}`);
  } catch (cause) {
    throw new Error(`@pulumi/pulumi is not installed for ${folder}. Run \`npm ci\` there, or in the checkout.`, {
      cause,
    });
  }
}

/** Runtime option `nodeargs` of Pulumi.yaml, split at blanks. */
export function nodeArguments(options: Readonly<Record<string, unknown>>): string[] {
  const given = options.nodeargs;
  return typeof given === 'string' ? given.split(' ').filter((part) => part !== '') : [];
}

/** Runtime option `typescript`: ts-node unless it is false, as in the official host. */
export function typescriptVariable(options: Readonly<Record<string, unknown>>): string {
  return String(options.typescript !== false && options.typescript !== 'false');
}
