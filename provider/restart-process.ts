/**
 * `node provider/restart-process.ts <run file>`: restarts one process without the engine, as `npm run restart` does.
 * Exit 0: it runs and is ready. 1: it failed, or runs and is not ready; stderr says which. 2: wrong arguments.
 */
import { ProcessFailed, restartProcess } from './processes/index.ts';

const [runFile, ...more] = process.argv.slice(2);

if (runFile === undefined || more.length > 0) {
  console.error('usage: node provider/restart-process.ts <run file>');
  process.exitCode = 2;
} else {
  await restart(runFile);
}

async function restart(file: string): Promise<void> {
  try {
    const { name, pid } = await restartProcess(file, new AbortController().signal);
    console.log(`${name} runs as process ${pid}.`);
  } catch (error) {
    if (!(error instanceof ProcessFailed)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
