/**
 * A local federation to measure: one that runs already (`--stack`), or one of the bench's own, stood up as a user does it
 * (`npm run up`) and taken down after. All that is known of it comes from `.portolan/<stack>/local.json`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LocalFile, root } from '../test/harness/federation.ts';
import { lastOffset } from '../tools/start/port-range.mjs';
import type { Options } from './options.ts';

export interface LocalStack extends AsyncDisposable {
  readonly local: LocalFile;
}

const ownStack = 'bench';

/** Rejects with what `up` printed last when it fails, or when `signal` aborts; what `up` had begun is taken down then. */
export async function openLocalStack(options: Options, signal: AbortSignal): Promise<LocalStack> {
  if (options.stack !== undefined)
    return { local: await readLocal(options.stack), [Symbol.asyncDispose]: async () => {} };
  const down = () => takeDown(options);
  const given = ['--stack', ownStack, '--port-base', String(options.portBase)];
  process.stderr.write(`standing up stack ${ownStack} (npm run up -- ${given.join(' ')})\n`);
  const up = await start('up', given, signal);
  if (up.code === 0 && !signal.aborted) return { local: await readLocal(ownStack), [Symbol.asyncDispose]: down };
  await down();
  signal.throwIfAborted();
  throw new Error(`\`npm run up\` ended with ${up.code}: ${lastLines(up.output)}`);
}

/** For the upstream, which starts before the stack: the last port that its gateways dial; 0 for a stack that is not there. */
export async function portWithinReach({ stack, portBase }: Options): Promise<number> {
  if (stack === undefined) return portBase + lastOffset;
  const base = await readLocal(stack).then(
    ({ controlPlane }) => Number(new URL(controlPlane.tlsUrl).port),
    () => undefined,
  );
  return base === undefined ? 0 : base + lastOffset;
}

/** Says so when something may be left running, rather than reject: it runs while other things are taken down. */
async function takeDown({ keep }: Options): Promise<void> {
  if (keep) return;
  process.stderr.write(`taking stack ${ownStack} down\n`);
  const down = await start('down', ['--stack', ownStack], undefined);
  if (down.code === 0) return;
  process.stderr.write(`\`npm run down -- --stack ${ownStack}\` ended with ${down.code}: ${lastLines(down.output)}\n`);
  process.exitCode = 2;
}

/**
 * Runs a script of the checkout in a session of its own, so that a Ctrl-C meant for the bench reaches it only from here:
 * once, when `signal` aborts, and the engine then ends in good order.
 */
async function start(script: 'up' | 'down', args: readonly string[], signal: AbortSignal | undefined) {
  const child = spawn(process.execPath, [join(root, 'tools', 'start.mjs'), script, ...args], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const stop = () => child.kill('SIGINT');
  signal?.addEventListener('abort', stop, { once: true });
  const [code] = (await once(child, 'close')) as [number | null];
  signal?.removeEventListener('abort', stop);
  return { code, output };
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
