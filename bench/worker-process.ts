/**
 * A file of the bench as a process that takes orders (fork), so that its CPU and memory are in nobody's account: `takeOrders` is its own end of the
 * talk, `WorkerProcess` its parent's, which starts it, gives it one order at a time, and ends it.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { end, startChild } from './child.ts';

export class WorkerProcess<Order extends object, Done> implements AsyncDisposable {
  readonly #file: string;
  readonly #child: ChildProcess;

  private constructor(file: string, child: ChildProcess) {
    this.#file = file;
    this.#child = child;
  }

  static async start<Order extends object, Done>(file: string): Promise<WorkerProcess<Order, Done>> {
    return new WorkerProcess<Order, Done>(file, (await startChild(file)).child);
  }

  /** Resolves with what became of the order. Rejects when `signal` aborts or the process dies. */
  async run(order: Order, signal: AbortSignal): Promise<Done> {
    const ended = new AbortController();
    const died = once(this.#child, 'exit', { signal: ended.signal }).then(() =>
      Promise.reject(new Error(`${this.#file} died`)),
    );
    try {
      this.#child.send(order);
      const [done] = await Promise.race([once(this.#child, 'message', { signal }), died]);
      return done as Done;
    } finally {
      died.catch(() => {});
      ended.abort();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return end(this.#child);
  }
}

/** Answers each order with what `work` makes of it; ends with the parent. */
export function takeOrders<Order, Done>(work: (order: Order) => Promise<Done>): void {
  process.on('message', async (order: Order) => process.send?.(await work(order)));
  process.once('disconnect', () => process.exit(0));
  process.send?.('ready');
}
