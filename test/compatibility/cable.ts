/**
 * A stretch of TCP between two parts of a route, which a test can tear and listen in on. It changes no byte and knows of HTTP only
 * what cancellation looks like: the notification of the older era, and an answer that its reader broke off.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** How a server came to know that nobody waits for a call any more. */
export type Told = 'notified' | 'stream closed';

type Event = 'asked' | 'answered' | 'closed';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** What was asked since the last answer; the end of it. */
  asked: string;
  answered: string;
}

const kept = 16_384;
const lastChunk = '0\r\n\r\n';

export class Cable implements AsyncDisposable {
  readonly #to: URL;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #watchers = new Set<(pair: Pair, event: Event) => void>();

  private constructor(to: URL) {
    this.#to = to;
    this.#server = createServer((near) => this.#join(near));
  }

  /** To the host and port of `to`, from a free port of 127.0.0.1. */
  static async lay(to: string): Promise<Cable> {
    const cable = new Cable(new URL(to));
    cable.#server.listen(0, '127.0.0.1');
    await once(cable.#server, 'listening');
    return cable;
  }

  /** The same path as behind it, through the cable. */
  get url(): string {
    const url = new URL(this.#to);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** Tears every connection; new ones go through again. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Resolves when a request that holds `marker` passes. */
  async asked(marker: string, signal: AbortSignal): Promise<void> {
    await this.#watch(signal, (pair, event) => (event === 'asked' && pair.asked.includes(marker) ? true : undefined));
  }

  /** Resolves when a cancellation passes: by message, or because the answer to the request that holds `marker` is left unread. */
  cancelled(marker: string, signal: AbortSignal): Promise<Told> {
    return this.#watch(signal, (pair, event) => {
      if (event === 'asked' && pair.asked.includes('notifications/cancelled')) return 'notified';
      return event === 'closed' && pair.asked.includes(marker) && !pair.answered.endsWith(lastChunk)
        ? 'stream closed'
        : undefined;
    });
  }

  #watch<T>(signal: AbortSignal, see: (pair: Pair, event: Event) => T | undefined): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const watcher = (pair: Pair, event: Event) => {
      const seen = see(pair, event);
      if (seen !== undefined) resolve(seen);
    };
    const give = () => reject(signal.reason);
    this.#watchers.add(watcher);
    signal.addEventListener('abort', give, { once: true });
    return promise.finally(() => {
      this.#watchers.delete(watcher);
      signal.removeEventListener('abort', give);
    });
  }

  #join(near: Socket): void {
    const far = connect({ host: this.#to.hostname, port: Number(this.#to.port) });
    const pair: Pair = { near, far, asked: '', answered: '' };
    this.#pairs.add(pair);
    near.on('data', (chunk: Buffer) => {
      if (pair.answered !== '') pair.asked = '';
      pair.answered = '';
      pair.asked = (pair.asked + chunk.toString('latin1')).slice(-kept);
      this.#tell(pair, 'asked');
    });
    far.on('data', (chunk: Buffer) => {
      pair.answered = (pair.answered + chunk.toString('latin1')).slice(-kept);
      this.#tell(pair, 'answered');
    });
    near.on('close', () => this.#tell(pair, 'closed'));
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      socket.on('error', () => {}); // torn, or the other side went: `close` follows
      socket.on('close', () => {
        near.destroy();
        far.destroy();
        this.#pairs.delete(pair);
      });
    }
  }

  #tell(pair: Pair, event: Event): void {
    for (const watcher of this.#watchers) watcher(pair, event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const { near } of this.#pairs) near.destroy();
  }
}
