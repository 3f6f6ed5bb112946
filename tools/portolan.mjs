#!/usr/bin/env node
// bin `portolan`: the commands for a running stack, the same as the npm scripts of these names.

import { runScript } from './start/run.mjs';
import { scripts } from './start/scripts.mjs';

const commands = ['up', 'down', 'restart', 'status', 'flows'];
const [name, ...args] = process.argv.slice(2);

if (name !== undefined && commands.includes(name)) {
  if (args.includes('--help') || args.includes('-h')) console.log(scripts[name]?.usage);
  else process.exitCode = await runScript(name, args);
} else {
  const asked = name === '--help' || name === '-h';
  const text = [
    'usage: portolan <command> [options]',
    '',
    ...commands.map((command) => `  ${command.padEnd(9)} ${scripts[command]?.says}`),
    '',
    '"portolan <command> --help" tells more.',
  ].join('\n');
  if (asked) console.log(text);
  else console.error(name === undefined ? text : `There is no command "${name}".\n\n${text}`);
  process.exitCode = asked ? 0 : 2;
}
