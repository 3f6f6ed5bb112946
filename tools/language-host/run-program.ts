// LanguageRuntime.Run: a program as a child process on the SDK's own `cmd/run`. Its output is ours (the engine reads
// it); its exit code becomes the response.

import { spawn } from 'node:child_process';
import type { RunRequest, RunResponse } from '@pulumi/pulumi/proto/language_pb.js';
import language from '@pulumi/pulumi/proto/language_pb.js';
import { type Launch, nodeArguments, sdkEntryPoint, typescriptVariable } from './launch.ts';

/** The SDK exits so after it has told the engine the error itself: nothing more is to be said. */
const alreadyTold = 32;

/** Pure but for finding the SDK. */
export function programLaunch(request: RunRequest, engine: string): Launch {
  const info = request.getInfo();
  const folder = info?.getProgramDirectory() || request.getPwd();
  const options = info?.getOptions()?.toJavaScript() ?? {};
  return {
    command: process.execPath,
    args: [
      ...nodeArguments(options),
      sdkEntryPoint('run', folder),
      ...runFlags(request, engine),
      info?.getEntryPoint() || '.',
      ...request.getArgsList(),
    ],
    cwd: request.getPwd(),
    env: {
      ...process.env,
      PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().getEntryList())),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      PULUMI_NODEJS_TYPESCRIPT: typescriptVariable(options),
    },
  };
}

/** Settles when the program has ended. */
export function runProgram(launch: Launch, signal: AbortSignal): Promise<RunResponse> {
  return new Promise((resolve, reject) => {
    const { command, args, cwd, env } = launch;
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'], signal });
    child.on('error', reject);
    child.on('exit', (code, ended) => resolve(responseFor(code, ended)));
  });
}

export function responseFor(code: number | null, signal: string | null): RunResponse {
  const response = new language.RunResponse();
  if (code === 0) return response;
  if (code === alreadyTold) return response.setBail(true);
  return response.setError(signal ? `the program was ended by ${signal}` : `the program exited with code ${code}`);
}

function runFlags(request: RunRequest, engine: string): string[] {
  const info = request.getInfo();
  const flags = [
    ['--monitor', request.getMonitorAddress()],
    ['--engine', engine],
    ['--organization', request.getOrganization()],
    ['--project', request.getProject()],
    ['--stack', request.getStack()],
    ['--pwd', request.getPwd()],
    ['--root-directory', info?.getRootDirectory() || request.getPwd()],
    ['--query-mode', String(request.getQuerymode())],
    ['--parallel', String(request.getParallel())],
  ];
  return [...flags.filter(([, value]) => value !== '').flat(), ...(request.getDryrun() ? ['--dry-run'] : [])].map(
    String,
  );
}
