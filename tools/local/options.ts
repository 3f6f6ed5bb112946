// Options of up, down, restart and status. Pure: what is wrong is refused by a sentence that names the option, the value
// and what was expected.

import { parseArgs } from 'node:util';
import { CommandFailed } from './command-failed.ts';
import { highestPortBase } from './ports.ts';

const lowestPortBase = 1_024;

type OptionSpecs = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>;

export interface Given {
  readonly stack: string;
  readonly text: (name: string) => string | undefined;
  readonly flag: (name: string) => boolean;
  readonly words: readonly string[];
}

/**
 * @param specs Options beside --stack.
 * @param words How many words are expected beside options.
 * @param env PORTOLAN_STACK names the stack where --stack does not.
 */
export function readOptions(
  command: string,
  args: readonly string[],
  specs: OptionSpecs,
  words = 0,
  env = process.env,
): Given {
  const { values, positionals } = parse(command, args, specs);
  if (positionals.length > words) refuse(command, `unexpected "${positionals[words]}"`);
  const text = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined);
  const stack = text('stack') ?? env.PORTOLAN_STACK ?? 'local';
  return { stack, text, flag: (name) => values[name] === true, words: positionals };
}

/** undefined when it is not given. */
export function portBaseOf(given: Given): number | undefined {
  const text = given.text('port-base');
  if (text === undefined) return undefined;
  const base = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (base >= lowestPortBase && base <= highestPortBase) return base;
  return refuse(
    'up',
    `--port-base ${text}: expected a whole number from ${lowestPortBase} to ${highestPortBase} (the stack uses 100 ports from there)`,
  );
}

interface Parsed {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
}

function parse(command: string, args: readonly string[], specs: OptionSpecs): Parsed {
  try {
    return parseArgs({ args: [...args], options: { stack: { type: 'string' }, ...specs }, allowPositionals: true });
  } catch (error) {
    return refuse(command, error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
}

export function refuse(command: string, why: string): never {
  throw new CommandFailed(`${command}: ${why}. \`npm run ${command} -- --help\` lists the options.`, 2);
}
