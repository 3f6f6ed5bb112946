/**
 * The clients of npm whose trees are too large for the checkout's own lock file: npm/package.json and its lock, installed into
 * .portolan/compatibility/npm without their install scripts.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { progress } from '../../tools/start/progress.mjs';
import { runQuietly } from '../../tools/start/run-quietly.mjs';

const sources = join(import.meta.dirname, 'npm');

/** The folder that holds their node_modules. Rejects with the end of what npm printed. */
export async function prepareNpm(folder: string, signal: AbortSignal): Promise<string> {
  const target = join(folder, 'npm');
  const stamp = join(target, 'node_modules', '.portolan-lock-hash');
  const wanted = createHash('sha256')
    .update(await readFile(join(sources, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === wanted) return target;
  await mkdir(target, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) await cp(join(sources, name), join(target, name));
  const shown = progress('Installing the clients of npm (120 MB)');
  try {
    const { code, output } = await runQuietly(...npm(), { cwd: target, signal });
    if (code !== 0) throw new Error(`npm ci failed: ${output.trim().slice(-600)}`);
  } finally {
    shown.stop();
  }
  await writeFile(stamp, wanted);
  return target;
}

/** Under `npm run`, npm names itself; that works where npm is not on PATH, too. */
function npm(): [string, string[]] {
  const cli = process.env.npm_execpath ?? '';
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  return basename(cli) === 'npm-cli.js' && existsSync(cli) ? [process.execPath, [cli, ...args]] : ['npm', args];
}
