// What each script of package.json runs: `node tools/start.mjs <script> [args]`. Plain JavaScript for Node >= 20 without
// dependencies, because it runs before anything is installed. Everything else is start/run.mjs.

import { listScripts, runScript } from './start/run.mjs';
import { scripts } from './start/scripts.mjs';

const [name, ...rest] = process.argv.slice(2);
const args = rest[0] === '--' ? rest.slice(1) : rest; // as after `npm run`, which takes it away

if (name === undefined || name === '--help' || name === '-h') {
  console.log(
    `usage: node tools/start.mjs <script> [args]\n\n${listScripts()}\n\n"npm run <script> -- --help" tells more.`,
  );
  process.exitCode = name === undefined ? 2 : 0;
} else if (scripts[name] !== undefined && asksHelp(args)) {
  console.log(scripts[name].usage);
} else {
  process.exitCode = await runScript(name, args);
}

/** Only before a bare `--`: what follows it belongs to the program that is run. */
function asksHelp(given) {
  const own = given.includes('--') ? given.slice(0, given.indexOf('--')) : given;
  return own.includes('--help') || own.includes('-h');
}
