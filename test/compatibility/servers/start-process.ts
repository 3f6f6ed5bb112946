/** Starts a server's process and waits for the line in which it names its URL. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Running } from './server.ts';

/** Rejects, with what it printed, where the process ends before. Its output is read on, so that it never waits for a reader. */
export async function startProcess(command: string, args: readonly string[]): Promise<Running> {
  const child = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  let printed = '';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  for (const output of [child.stdout, child.stderr]) {
    createInterface(output).on('line', (line) => {
      printed = `${printed}${line}\n`.slice(-4_000);
      const url = /http:\/\/127\.0\.0\.1:\d+\/\S*/.exec(line)?.[0];
      if (url !== undefined) resolve(url);
    });
  }
  child.on('error', reject);
  child.on('exit', () => reject(new Error(`${args.join(' ')} ended before it listened:\n${printed}`)));
  const url = await promise;
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
    },
  };
}
