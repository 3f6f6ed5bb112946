/**
 * `node provider/end-process.ts <run file>`: ends one process and its group without the engine, and forgets it. What
 * `npm run down` does with a process that the engine's state does not know. Exit 0: none runs. 1: it cannot be ended. 2: wrong arguments.
 */
import { endProcess, readRunFile, removeRunFile } from './processes/index.ts';

const [runFile, ...more] = process.argv.slice(2);

if (runFile === undefined || more.length > 0) {
  console.error('usage: node provider/end-process.ts <run file>');
  process.exitCode = 2;
} else {
  await end(runFile);
}

async function end(file: string): Promise<void> {
  const run = readRunFile(file);
  if (run) await endProcess(run);
  removeRunFile(file);
  console.log(run ? `${run.name} has ended.` : `${file} names no process.`);
}
