// LanguageRuntime.RunPlugin: a provider or a policy pack as a child process; its two streams and its exit code are
// streamed back. It ends when the call is cancelled.

import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { RunPluginRequest, RunPluginResponse } from '@pulumi/pulumi/proto/language_pb.js';
import language from '@pulumi/pulumi/proto/language_pb.js';
import { type Launch, nodeArguments, sdkEntryPoint, typescriptVariable } from './launch.ts';

/** Pure but for finding the SDK. */
export function pluginLaunch(request: RunPluginRequest, engine: string): Launch {
  const info = request.getInfo();
  const folder = info?.getProgramDirectory() || request.getProgram();
  const options = info?.getOptions()?.toJavaScript() ?? {};
  const isPolicyPack = request.getKind() === 'analyzer';
  const entry = sdkEntryPoint(isPolicyPack ? 'run-policy-pack' : 'run-plugin', folder);
  // run-policy-pack wants the engine's address first, which is the first of the given arguments
  const given = request.getArgsList();
  const own = isPolicyPack ? [given[0] ?? engine, folder] : [folder, ...given];
  return {
    command: process.execPath,
    args: [...nodeArguments(options), entry, ...own],
    cwd: isPolicyPack ? folder : request.getPwd(),
    env: { ...variables(request.getEnvList()), PULUMI_NODEJS_TYPESCRIPT: typescriptVariable(options) },
  };
}

/** Settles when the plugin has ended and all it wrote has been told. */
export function runPlugin(
  launch: Launch,
  tell: (message: RunPluginResponse) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const { command, args, cwd, env } = launch;
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const end = () => child.kill();
    signal.addEventListener('abort', end, { once: true });
    forward(child.stdout, (bytes) => tell(new language.RunPluginResponse().setStdout(bytes)));
    forward(child.stderr, (bytes) => tell(new language.RunPluginResponse().setStderr(bytes)));
    child.on('error', reject);
    child.on('close', (code) => {
      signal.removeEventListener('abort', end);
      tell(new language.RunPluginResponse().setExitcode(code ?? 1));
      resolve();
    });
  });
}

function forward(stream: Readable, tell: (bytes: Uint8Array) => void): void {
  stream.on('data', (chunk: Buffer) => tell(chunk));
}

function variables(list: readonly string[]): Record<string, string | undefined> {
  if (list.length === 0) return { ...process.env };
  return Object.fromEntries(
    list.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
}
