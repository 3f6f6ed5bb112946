/** A virtual environment with what requirements.txt pins, in .portolan/compatibility/python; made anew when the pins change. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { progress } from '../../tools/start/progress.mjs';
import { runQuietly } from '../../tools/start/run-quietly.mjs';

export interface Python {
  /** The interpreter of the environment. */
  readonly python: string;
  /** Of fastmcp, as pinned. */
  readonly fastmcp: string;
}

const requirements = join(import.meta.dirname, 'requirements.txt');
/** What the pinned fastmcp demands. */
const oldest = 11;
const names = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python'];

/** Rejects, in one sentence, where there is no Python or where pip does not get the packages. */
export async function preparePython(folder: string, signal: AbortSignal): Promise<Python> {
  const pins = await readFile(requirements, 'utf8');
  const target = join(folder, 'python');
  const python = join(target, 'bin', 'python');
  const fastmcp = /^fastmcp==(.+)$/m.exec(pins)?.[1] ?? '?';
  const stamp = join(target, '.portolan-pins');
  const wanted = createHash('sha256').update(pins).digest('hex');
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === wanted) return { python, fastmcp };
  const system = await findPython(folder, signal);
  const shown = progress('Installing fastmcp for Python (140 MB)');
  try {
    await rm(target, { recursive: true, force: true });
    await must(system, ['-m', 'venv', target], folder, signal);
    await must(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], folder, signal);
  } finally {
    shown.stop();
  }
  await writeFile(stamp, wanted);
  return { python, fastmcp };
}

async function findPython(cwd: string, signal: AbortSignal): Promise<string> {
  const script = `import sys, venv; sys.exit(sys.version_info < (3, ${oldest}))`;
  for (const name of names) {
    const tried = await runQuietly(name, ['-c', script], { cwd, signal }).catch(() => ({ code: 1 }));
    signal.throwIfAborted();
    if (tried.code === 0) return name;
  }
  throw new Error(`there is no Python 3.${oldest} or newer on PATH that can make virtual environments`);
}

async function must(command: string, args: readonly string[], cwd: string, signal: AbortSignal): Promise<void> {
  const { code, output } = await runQuietly(command, args, { cwd, signal });
  const [said = ''] = output.trim().split('\n').slice(-1);
  if (code !== 0) throw new Error(`${args.slice(0, 3).join(' ')} failed: ${said}`);
}
