/**
 * A whole federation for a test, stood up the way a user does it: `npm run up` on a stack and a port range of its own, `npm run down` after.
 * Nothing is mocked. What a test learns of it comes from local.json and the public APIs alone.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { isFree, stackPorts } from '../../tools/local/ports.ts';
import { lastOffset } from '../../tools/start/port-range.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** `.portolan/<stack>/local.json`, as `up` writes it. */
export interface LocalFile {
  readonly controlPlane: { readonly url: string; readonly tlsUrl: string };
  readonly gateways: Readonly<Record<string, { readonly url: string; readonly tlsUrl: string }>>;
  readonly caFile: string;
  readonly adminToken: string;
  readonly users: Readonly<Record<string, { readonly token: string }>>;
  readonly processes: readonly { readonly name: string; readonly pid: number; readonly logFile: string }[];
}

export interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** Offset of a port for a server of the test's own, which gateways of the stack dial. */
export const OWN_SERVER = lastOffset;

/** Runs `npm run <script>` of this checkout by its own entry point; never throws on a non-zero exit. */
export const run = (script: string, args: readonly string[]): Promise<Finished> => node('start.mjs', [script, ...args]);

/** `npx pulumi …` of this checkout; never throws on a non-zero exit. */
export const pulumi = (args: readonly string[]): Promise<Finished> => node('pulumi.mjs', args);

async function node(tool: string, args: readonly string[]): Promise<Finished> {
  const child = spawn(process.execPath, [join(root, 'tools', tool), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

/** A port base whose every offset is free just now. */
export async function freePortBase(): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const base = 20_000 + 100 * Math.floor(Math.random() * 120);
    const free = await Promise.all(stackPorts(base).map(({ port }) => isFree(port)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no free range of 100 ports between 20000 and 32000');
}

/** Waits until `probe` answers something other than undefined; polls, because it watches other processes. */
export async function eventually<T>(what: string, probe: () => Promise<T | undefined>, timeoutMs = 20_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`did not happen within ${timeoutMs} ms: ${what}`, { cause: last });
}

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  /** The JSON body, or the data of the first SSE event that holds a response. */
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what the test asserts
  readonly message: any;
}

function messageOf(text: string, contentType: string): unknown {
  if (contentType.includes('text/event-stream')) {
    const messages = text
      .split(/\r?\n\r?\n/)
      .map((event) =>
        event
          .split(/\r?\n/)
          .filter((line) => line.startsWith('data:'))
          .map((line) => line.slice(5).trim())
          .join('\n'),
      )
      .filter((data) => data !== '')
      .map((data) => JSON.parse(data) as Record<string, unknown>);
    return messages.find((message) => 'result' in message || 'error' in message);
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One running federation. `await using` takes it down. */
export class Federation implements AsyncDisposable {
  readonly stack: string;
  readonly portBase: number;
  #local: LocalFile | undefined;

  constructor(stack: string, portBase: number) {
    this.stack = stack;
    this.portBase = portBase;
  }

  get dir(): string {
    return join(root, '.portolan', this.stack);
  }

  get local(): LocalFile {
    if (!this.#local) throw new Error('up has not run yet');
    return this.#local;
  }

  /** `npm run up`; throws with its output when it fails. */
  async up(...args: string[]): Promise<Finished> {
    const done = await run('up', ['--stack', this.stack, '--port-base', String(this.portBase), ...args]);
    if (done.code !== 0) throw new Error(`up exited with ${done.code}:\n${done.output}`);
    await this.load();
    return done;
  }

  /** Writes the stack's settings file before its first `up`. */
  async configure(settings: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(settings).map(([key, value]) => `  portolan-federation:${key}: ${value}`);
    if (lines.length === 0) return;
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    await writeFile(join(this.dir, `Pulumi.${this.stack}.yaml`), `config:\n${lines.join('\n')}\n`, { mode: 0o600 });
  }

  /** Reads local.json: what `up` has made. */
  async load(): Promise<void> {
    this.#local = JSON.parse(await readFile(join(this.dir, 'local.json'), 'utf8')) as LocalFile;
  }

  down(): Promise<Finished> {
    return run('down', ['--stack', this.stack]);
  }

  pid(name: string): number {
    const found = this.local.processes.find((process) => process.name === name);
    if (!found) throw new Error(`no process ${name} in local.json`);
    return found.pid;
  }

  /** A JSON-RPC message to `server` through `gateway`'s loopback door, as a client of the older eras sends it. */
  async send(
    gateway: string,
    server: string,
    token: string,
    message: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const url = `${this.local.gateways[gateway]?.url}/mcp/${server}`;
    const answer = await request(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: typeof message === 'string' ? message : JSON.stringify(message),
    });
    const text = await answer.body.text();
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text,
      message: messageOf(text, String(answer.headers['content-type'])),
    };
  }

  callTool(gateway: string, server: string, token: string, name: string, args: object = {}): Promise<Reply> {
    return this.send(gateway, server, token, {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name, arguments: args },
    });
  }

  /** The control plane's REST API with the admin token. */
  async api(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Reply> {
    const answer = await request(`${this.local.controlPlane.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.local.adminToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text,
      message: text === '' ? undefined : JSON.parse(text),
    };
  }

  /** The audit row of a request, once the ledger has it. */
  auditRow(requestId: string): Promise<Record<string, unknown> & { hops: Record<string, unknown>[] }> {
    return eventually(`audit row of ${requestId}`, async () => {
      const page = await this.api('GET', `/audit?limit=1&request_id=${requestId}`);
      return page.message.items?.[0];
    });
  }

  /** The audit row of the request that was answered so. */
  rowOf({ headers }: Pick<Reply, 'headers'>): ReturnType<Federation['auditRow']> {
    return this.auditRow(String(headers['x-request-id']));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const done = await this.down();
    if (done.code !== 0) throw new Error(`down exited with ${done.code}:\n${done.output}`);
  }
}

/** Stands up a federation of its own; `settings` are what a person would set in its Pulumi.<stack>.yaml beforehand. */
export async function startFederation(
  label: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Federation> {
  const federation = new Federation(`test-${label}-${process.pid}`, await freePortBase());
  try {
    await federation.configure(settings);
    await federation.up();
  } catch (error) {
    await federation.down();
    throw error;
  }
  return federation;
}
