/** Runs the suite (`@modelcontextprotocol/conformance`) in processes of its own and reads what it wrote. Its exit code tells less than its checks. */
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Check, readChecks } from './checks.ts';
import type { Run } from './runs.ts';

const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json');
const program = join(dirname(manifest), 'dist', 'index.js');

export interface SuiteOptions {
  /** `--url` of a server, or `--command` that starts a client. */
  readonly subject: readonly string[];
  /** Where checks and the suite's own words go. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Throws where the suite writes no checks at all. */
export async function runSuite({ half, calls }: Run, options: SuiteOptions): Promise<Check[]> {
  await mkdir(options.folder, { recursive: true });
  const said: string[] = [];
  for (const call of calls) {
    said.push(await runProgram([program, half, ...options.subject, ...call, '-o', options.folder], options));
  }
  const log = join(options.folder, 'suite.log');
  await writeFile(log, said.join('\n'));
  const checks = await readChecks(options.folder);
  if (checks.length === 0) throw new Error(`the suite has checked nothing; what it said is in ${log}`);
  return checks;
}

async function runProgram(args: readonly string[], { env, signal }: SuiteOptions): Promise<string> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(signal && { signal }),
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  await new Promise<void>((resolve, reject) => child.once('error', reject).once('close', () => resolve()));
  return said;
}
