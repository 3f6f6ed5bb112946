// `npx pulumi …`: the CLI that `npm run up` uses, on the backend, passphrase and settings of a stack of this machine
// (--stack, PORTOLAN_STACK, else local). Arguments pass through; only --config-file is added where it is understood.

import { pulumiFor, stackPlace, withSettingsFile } from './stack/index.ts';
import { Interrupted, interruptible } from './start/interrupt.mjs';
import { BadOptions } from './start/options.mjs';
import { passThrough } from './start/pass-through.mjs';
import { ToolMissing } from './toolchain/index.ts';

const args = process.argv.slice(2);

try {
  const place = await stackPlace(chosenStack(args) ?? process.env.PORTOLAN_STACK ?? 'local');
  const { command, env } = await interruptible((signal) => pulumiFor(place, { signal }));
  // away from a terminal, in a group of its own: what is sent to ours would reach it twice, and Pulumi then ends at once
  const detached = process.stdin.isTTY !== true;
  process.exitCode = await passThrough(command, withSettingsFile(place, args), { env, detached });
} catch (error) {
  if (!(error instanceof ToolMissing || error instanceof BadOptions || error instanceof Interrupted)) throw error;
  console.error(error.message);
  process.exitCode = error instanceof Interrupted ? error.exitCode : 2;
}

/** A fully qualified name (organization/project/stack) ends in the stack's. */
function chosenStack(given: readonly string[]): string | undefined {
  const at = given.findIndex((arg) => arg === '--stack' || arg === '-s');
  const joined = given.find((arg) => arg.startsWith('--stack='))?.slice('--stack='.length);
  return (at === -1 ? joined : given[at + 1])?.split('/').at(-1);
}
