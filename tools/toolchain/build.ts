// The pinned build: `go build` in tools/<name>/, whose go.mod and go.sum name every source. Reads them only, so that a
// build never changes the checkout.

import { join } from 'node:path';
import { runQuietly } from '../start/run-quietly.mjs';
import type { Tool } from './tools.ts';

const tailLines = 15;

interface Building {
  /** Holds go.mod and go.sum. */
  readonly moduleFolder: string;
  /** Where the program goes, under the tool's name. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
}

/** Throws an Error with the end of the compiler's output, or the signal's reason. */
export async function build(tool: Tool, { moduleFolder, folder, env, signal }: Building): Promise<void> {
  const args = [
    'build',
    '-mod=readonly',
    '-trimpath',
    '-ldflags',
    tool.ldflags,
    '-o',
    join(folder, tool.name),
    tool.goPackage,
  ];
  const { code, output } = await runQuietly('go', args, {
    cwd: moduleFolder,
    env: goEnvironment(env, folder),
    signal,
  }).catch(goMissing);
  if (code !== 0) throw new Error(`go build failed (exit ${code}):\n${lastLines(output)}`);
}

function goMissing(error: NodeJS.ErrnoException): never {
  throw error.code === 'ENOENT' ? new Error('Go is not installed: there is no `go` on PATH') : error;
}

/**
 * A workspace file or flags of the user's own projects must not change what is built. What Go leaves when it is
 * interrupted lies in the draft, and goes with it.
 */
function goEnvironment(env: NodeJS.ProcessEnv, draft: string): NodeJS.ProcessEnv {
  return { ...env, GOTMPDIR: draft, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-buildvcs=false' };
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n').slice(-tailLines);
  return lines.map((line) => `    ${line}`).join('\n');
}
