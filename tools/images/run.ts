// Runs a program to its end and answers with what it printed on stdout. A failure is an Error with the end of its output.

import { spawn } from 'node:child_process';

const tail = 4_000;

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export function run(command: string, args: readonly string[], { env, signal }: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(signal && { signal, killSignal: 'SIGTERM' as const }),
    });
    let [out, all] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
      all = (all + chunk).slice(-tail);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      all = (all + chunk).slice(-tail);
    });
    child.on('error', reject);
    child.on('close', (code, ended) => {
      if (code === 0) return resolve(out);
      reject(new Error(`${command} ${args[0] ?? ''} failed (${ended ?? `exit ${code}`}):\n${all.trim()}`));
    });
  });
}
