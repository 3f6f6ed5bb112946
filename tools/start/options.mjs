// What a person may say after the name of a script: read here, before anything is installed, and again by the command
// itself. Pure. What is wrong is refused by a sentence that names the option, the value and what was expected.

import { parseArgs } from 'node:util';
import { highestPortBase, lastOffset, lowestPortBase } from './port-range.mjs';
import { scripts } from './scripts.mjs';

/** A command that was called wrongly. */
export class BadOptions extends Error {
  exitCode = 2;
}

/**
 * @typedef {object} Given
 * @property {string} stack                     --stack, else PORTOLAN_STACK, else "local".
 * @property {number | undefined} portBase      undefined when it is not given.
 * @property {(name: string) => boolean} flag
 * @property {string} word                      The one word beside options; empty where the script takes none.
 */

/**
 * @param {string} script A script of the table that has options.
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env] npm's variables tell what npm kept for itself.
 * @returns {Given} Throws BadOptions.
 */
export function readOptions(script, args, env = process.env) {
  const refuse = (why) => {
    throw new BadOptions(`${script}: ${why}. \`npm run ${script} -- --help\` lists the options.`);
  };
  const { options = {}, word } = scripts[script];
  const kept = keptByNpm(script, args, env);
  if (kept.length > 0)
    refuse(
      `npm took ${kept.join(' and ')} for itself: put \`--\` before the options, as in \`${asMeant(script, kept)}\``,
    );
  const { values, positionals } = parse(args, options, refuse);
  const [given, extra] = word === undefined ? ['', positionals[0]] : positionals;
  if (given === undefined) refuse(`expected ${word}`);
  if (extra !== undefined) refuse(`unexpected "${extra}"`);
  const stack = values.stack ?? env.PORTOLAN_STACK ?? 'local';
  if (options.stack !== undefined) checkStackName(stack);
  return { stack, portBase: portBase(values['port-base'], refuse), flag: (name) => values[name] === true, word: given };
}

/** @param {string} name Throws BadOptions that says which names can be used. */
export function checkStackName(name) {
  if (/^[a-z][a-z0-9-]{0,30}$/.test(name)) return;
  throw new BadOptions(
    `--stack ${name}: expected a lower-case letter, then up to 30 of a-z, 0-9 and "-", as in "local" or "demo-2"`,
  );
}

function parse(args, options, refuse) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    return refuse(error.message.split('. ')[0]);
  }
}

function portBase(text, refuse) {
  if (text === undefined) return undefined;
  const base = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (base >= lowestPortBase && base <= highestPortBase) return base;
  return refuse(
    `--port-base ${text}: expected a whole number from ${lowestPortBase} to ${highestPortBase} (the stack uses ${lastOffset + 1} ports from there)`,
  );
}

/**
 * Options that stand before `--`: npm reads them as its own settings, tells the script by variables alone, and the script
 * would go on with its defaults. (`--verbose` and `--help` mean something to npm itself.)
 */
function keptByNpm(script, args, env) {
  if (env.npm_lifecycle_event !== script) return [];
  const names = Object.keys(scripts[script].options ?? {}).filter(
    (name) => env[`npm_config_${name.replaceAll('-', '_')}`],
  );
  return names.map((name) => `--${name}`).filter((flag) => !args.some((arg) => arg.split('=')[0] === flag));
}

/** With the values as the usage names them: npm keeps those of `--name=value`, and passes others on as words. */
function asMeant(script, kept) {
  const named = kept.map((flag) => new RegExp(`${flag}( [A-Z]+)?`).exec(scripts[script].usage)?.[0] ?? flag);
  return `npm run ${script} -- ${named.join(' ')}`;
}
