/** Python's `fastmcp`: fastmcp_client.py in a process of its own, which is told what to do by lines of JSON. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Address, CallOptions, Client, Ears, Session } from './client.ts';

interface Line {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: string;
  readonly event?: 'logged' | 'elicited' | 'sampled' | 'progress';
}

interface Waiting {
  readonly settle: PromiseWithResolvers<unknown>;
  readonly progressed: (() => void) | undefined;
}

const program = join(import.meta.dirname, 'fastmcp_client.py');

/** `python`: the interpreter that has it. */
export const fastmcp = (python: string, version: string): Client => ({
  name: 'Python fastmcp',
  version,
  about: 'Mode `auto`, its own default.',
  showsProgress: true,
  connect: (at, ears) => connect(python, at, ears),
});

async function connect(python: string, { url, token, signal }: Address, ears: Ears): Promise<Session> {
  const process = new PythonProcess(python, ears);
  signal.addEventListener('abort', () => process.end(), { once: true });
  // it answers by itself: what it would ask us for goes along; that it was asked it says
  const protocol = await process.ask({ do: 'connect', url, token, form: ears.form, completion: ears.completion });
  return {
    protocol: String(protocol),
    list: async () => (await process.ask({ do: 'list' })) as string[],
    call: async (tool, args, options) => String(await process.ask({ do: 'call', tool, args }, options)),
    close: async () => process.end(),
  };
}

class PythonProcess {
  readonly #child;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ears: Ears;
  #ids = 0;

  constructor(python: string, ears: Ears) {
    this.#ears = ears;
    this.#child = spawn(python, [program], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdin.on('error', () => {}); // it has ended: the orders that wait are told below
    createInterface(this.#child.stdout).on('line', (line) => this.#hear(JSON.parse(line) as Line));
    let complaint = '';
    this.#child.stderr.on('data', (chunk) => {
      complaint = `${complaint}${chunk}`.slice(-2_000);
    });
    void once(this.#child, 'close').then(() => this.#fail(`python ended: ${complaint}`));
  }

  ask(order: Readonly<Record<string, unknown>>, { signal, progressed }: CallOptions = {}): Promise<unknown> {
    this.#ids += 1;
    const id = this.#ids;
    const settle = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { settle, progressed });
    signal?.addEventListener('abort', () => this.#tell({ do: 'cancel', id }), { once: true });
    this.#tell({ ...order, id });
    return settle.promise;
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  #tell(order: unknown): void {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
  }

  #hear({ event, id = 0, result, error }: Line): void {
    const waiting = this.#waiting.get(id);
    if (event === 'progress') waiting?.progressed?.();
    else if (event !== undefined) this.#ears[event]();
    else if (waiting !== undefined) {
      this.#waiting.delete(id);
      if (error === undefined) waiting.settle.resolve(result);
      else waiting.settle.reject(new Error(error));
    }
  }

  #fail(why: string): void {
    for (const { settle } of this.#waiting.values()) settle.reject(new Error(why));
  }
}
