// Runs one script of the table under Node 24: judges its options, then installs packages. What `npm run …`, `npx pulumi` and
// `npx portolan` share. Signals and the exit code pass through.

import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNode, majorOf, oldestMajor } from './find-node.mjs';
import { installPackages } from './install.mjs';
import { interruptible } from './interrupt.mjs';
import { readOptions } from './options.mjs';
import { passThrough } from './pass-through.mjs';
import { scripts } from './scripts.mjs';

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * @param {string} name A key of `scripts`.
 * @param {readonly string[]} args
 * @returns {Promise<number>} The exit code.
 */
export async function runScript(name, args) {
  const script = scripts[name];
  if (script === undefined || !existsSync(join(checkout, script.file))) return refuseUnknown(name);
  try {
    refuseOldNode();
    if (script.options !== undefined) readOptions(name, args);
    await interruptible((signal) => installPackages(checkout, signal));
    return await runUnder(findNode(checkout), [join(checkout, script.file), ...args]);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return error.exitCode ?? 1;
  }
}

/** @returns {string} One line a script, for people. */
export function listScripts() {
  const here = Object.entries(scripts).filter(([name]) => name !== 'pulumi');
  return here.map(([name, { says }]) => `  ${`npm run ${name}`.padEnd(18)} ${says}`).join('\n');
}

function refuseUnknown(name) {
  const why =
    scripts[name] === undefined
      ? `There is no script "${name}".`
      : `Script "${name}" has no ${scripts[name].file} in this checkout.`;
  console.error(`${why} The scripts are:\n${listScripts()}`);
  return 2;
}

function refuseOldNode() {
  if (majorOf(process.version) >= oldestMajor) return;
  throw new Error(
    `Node ${oldestMajor} or newer is needed to start; this is ${process.version}. Install it from https://nodejs.org and run this again.`,
  );
}

/** What the script starts finds Node 24 and the packages' programs first. */
function runUnder(node, args) {
  const path = [join(checkout, 'node_modules', '.bin'), dirname(node), process.env.PATH ?? ''].join(delimiter);
  return passThrough(node, args, { env: { ...process.env, PATH: path } });
}
