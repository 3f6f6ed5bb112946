// The pinned build: `go build` in tools/<name>/, whose go.mod and go.sum name every source. Reads them only, so that a
// build never changes the checkout.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Tool } from './tools.ts';

const tailLines = 15;

/** Builds `tool` into `folder`/<name>. Throws an Error with the end of the compiler's output. */
export async function build(tool: Tool, moduleFolder: string, folder: string, env: NodeJS.ProcessEnv): Promise<void> {
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
  const { code, output } = await go(args, moduleFolder, goEnvironment(env));
  if (code !== 0) throw new Error(`go build failed (exit ${code}):\n${lastLines(output)}`);
}

function go(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-32_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? new Error('Go is not installed: there is no `go` on PATH') : error);
    });
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** A workspace file or flags of the user's own projects must not change what is built. */
function goEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-buildvcs=false' };
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n').slice(-tailLines);
  return lines.map((line) => `    ${line}`).join('\n');
}
