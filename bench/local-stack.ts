/**
 * A local federation to measure: one that runs already (`--stack`), or one of the bench's own, stood up as a user does it
 * (`npm run up`) and taken down after. All that is known of it comes from `.portolan/<stack>/local.json`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LocalFile, root, run } from '../test/harness/federation.ts';
import type { Options } from './options.ts';

export interface LocalStack extends AsyncDisposable {
  readonly local: LocalFile;
}

const ownStack = 'bench';

/** Rejects with what `up` printed last when it fails. */
export async function openLocalStack(options: Options): Promise<LocalStack> {
  if (options.stack !== undefined)
    return { local: await readLocal(options.stack), [Symbol.asyncDispose]: async () => {} };
  const down = async () => {
    if (!options.keep) await run('down', ['--stack', ownStack]);
  };
  process.stderr.write(
    `standing up stack ${ownStack} (npm run up -- --stack ${ownStack} --port-base ${options.portBase})\n`,
  );
  const up = await run('up', ['--stack', ownStack, '--port-base', String(options.portBase)]);
  if (up.code === 0) return { local: await readLocal(ownStack), [Symbol.asyncDispose]: down };
  await down();
  throw new Error(`\`npm run up\` ended with ${up.code}: ${lastLines(up.output)}`);
}

async function readLocal(stack: string): Promise<LocalFile> {
  const path = join(root, '.portolan', stack, 'local.json');
  try {
    return JSON.parse(await readFile(path, 'utf8')) as LocalFile;
  } catch (cause) {
    throw new Error(`no local.json of stack ${stack}; run \`npm run up -- --stack ${stack}\` first`, { cause });
  }
}

const lastLines = (output: string): string => output.trim().split('\n').slice(-5).join(' | ');
