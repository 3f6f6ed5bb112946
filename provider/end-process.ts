/**
 * `node provider/end-process.ts <run file>`: ends one process and its group without the engine and removes its run file;
 * what `npm run down` does with one that the engine's state does not know (a CLI killed while it created it).
 * Exit 0: it does not run. 1: it cannot be ended. 2: wrong arguments.
 */
import { endProcess, readRunFile, removeRunFile } from './processes/index.ts';

const [runFile, ...more] = process.argv.slice(2);

if (runFile === undefined || more.length > 0) {
  console.error('usage: node provider/end-process.ts <run file>');
  process.exitCode = 2;
} else {
  const run = readRunFile(runFile);
  if (run) await endProcess(run);
  removeRunFile(runFile);
}
