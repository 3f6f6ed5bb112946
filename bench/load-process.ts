/** The parent's end of `load.ts`: starts it, gives it one order at a time, ends it. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { end, startChild } from './child.ts';
import type { Loaded, Order } from './load.ts';

export class LoadProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<LoadProcess> {
    return new LoadProcess((await startChild('./load.ts')).child);
  }

  /** Resolves when every call of the order has ended, well or badly. Rejects when `signal` aborts or the load dies. */
  async run(order: Order, signal: AbortSignal): Promise<Loaded> {
    const ended = new AbortController();
    const died = once(this.#child, 'exit', { signal: ended.signal }).then(() =>
      Promise.reject(new Error('the load died')),
    );
    try {
      this.#child.send(order);
      const [loaded] = await Promise.race([once(this.#child, 'message', { signal }), died]);
      return loaded as Loaded;
    } finally {
      died.catch(() => {});
      ended.abort();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return end(this.#child);
  }
}
