/**
 * The official inspector's command line, in era `auto`. Every method is a process of its own that connects anew: there is nobody to
 * ask while a call runs, and no progress is shown.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Address, Client, Session } from './client.ts';
import { installedVersion } from './installed-version.ts';
import { resultText } from './result-text.ts';

type Run = (args: readonly string[], signal?: AbortSignal) => Promise<unknown>;

/** `folder`: where the clients of npm are installed. */
export function inspector(folder: string): Client {
  const name = '@modelcontextprotocol/inspector';
  const program = join(folder, 'node_modules', name, 'clients', 'launcher', 'build', 'index.js');
  return {
    name: 'Inspector CLI',
    version: installedVersion(name, folder),
    about:
      'Era `auto`. Each method is a process that connects anew, prints a result and ends: it shows neither progress nor logs and answers no question.',
    showsProgress: false,
    connect: (at) => session((args, signal) => run(program, at, args, signal)),
  };
}

async function session(ask: Run): Promise<Session> {
  const { protocolVersion = '?' } = (await ask(['--method', 'initialize'])) as { protocolVersion?: string };
  return {
    protocol: protocolVersion,
    list: async () => {
      const { tools } = (await ask(['--method', 'tools/list'])) as { tools: { name: string }[] };
      return tools.map(({ name }) => name);
    },
    call: async (name, args, { signal } = {}) => {
      const json = JSON.stringify(args);
      return resultText(await ask(['--method', 'tools/call', '--tool-name', name, '--tool-args-json', json], signal));
    },
    close: async () => {},
  };
}

/** The result that it prints; rejects with its complaint. An aborted call is interrupted, as by Ctrl-C. */
async function run(
  program: string,
  at: Address,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const header = at.token === undefined ? [] : ['--header', `Authorization: Bearer ${at.token}`];
  const fixed = [
    '--cli',
    '--server-url',
    at.url,
    '--transport',
    'http',
    '--protocol-era',
    'auto',
    '--format',
    'json',
    '-q',
  ];
  const child = spawn(process.execPath, [program, ...fixed, ...header, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  let complaint = '';
  child.stdout.on('data', (chunk) => (printed += chunk));
  child.stderr.on('data', (chunk) => (complaint += chunk));
  const interrupt = () => child.kill('SIGINT');
  const kill = () => child.kill('SIGKILL');
  signal?.addEventListener('abort', interrupt, { once: true });
  at.signal.addEventListener('abort', kill, { once: true });
  const [code] = await once(child, 'close');
  signal?.removeEventListener('abort', interrupt);
  at.signal.removeEventListener('abort', kill);
  if (code !== 0) throw new Error(`exit ${code}: ${complaint.trim().slice(0, 400)}`);
  if (printed.trim() === '') throw new Error('it ended with 0 and printed nothing');
  return (JSON.parse(printed) as { result?: unknown }).result ?? JSON.parse(printed);
}
