/**
 * One connection of the load: writes the same request again as soon as the answer to the last one is complete. Each
 * answer is compared with what the upstream must have said, byte for byte. A broken connection costs one failed call and
 * is opened again; after `maxBreaks` in a row the caller gives up, so that a dead target ends the run.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { answerBytes, type Door, requestBytes } from './call.ts';
import type { Options } from './options.ts';
import { ResponseScanner, type Scanned } from './response-scanner.ts';

/** Shared by the callers of one run. */
export interface Tally {
  /** Calls not begun yet. */
  left: number;
  done: number;
  failed: number;
  firstFailure: string | undefined;
  /** Milliseconds, one a call that succeeded; as many as `done`. */
  readonly latencies: Float64Array;
}

const maxBreaks = 5;

export class KeepAliveCaller {
  readonly #door: Door;
  readonly #request: Buffer;
  readonly #expected: Buffer;
  readonly #tally: Tally;

  /** `id` is the JSON-RPC id of all its calls; no two callers share one. */
  constructor(door: Door, era: Options['era'], id: number, tally: Tally) {
    this.#door = door;
    this.#request = requestBytes(door, era, id);
    this.#expected = answerBytes(id);
    this.#tally = tally;
  }

  /** Calls until `tally.left` is used up. Never rejects. */
  async callUntilDone(): Promise<void> {
    for (let breaks = 0; this.#tally.left > 0 && breaks < maxBreaks; ) {
      const before = this.#tally.done;
      await this.#callOnOneConnection().catch((error: Error) => this.#fail(error.message));
      breaks = this.#tally.done > before ? 0 : breaks + 1;
    }
  }

  /** Resolves when nothing is left to call or the peer has said it closes; rejects when the connection breaks. */
  async #callOnOneConnection(): Promise<void> {
    const { host, port } = this.#door;
    this.#tally.left -= 1; // before the connection: one that is refused has cost a call
    const socket = connect({ host, port, noDelay: true });
    try {
      await once(socket, 'connect');
      await this.#converse(socket);
    } finally {
      socket.destroy();
    }
  }

  #converse(socket: Socket): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const scanner = new ResponseScanner();
    let began = this.#write(socket);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection was closed during a call')));
    socket.on('data', (chunk: Buffer) => {
      try {
        const answer = scanner.push(chunk);
        if (!answer) return;
        this.#count(answer, performance.now() - began);
        if (answer.last || this.#tally.left <= 0) return resolve();
        this.#tally.left -= 1;
        began = this.#write(socket);
      } catch (error) {
        reject(error);
      }
    });
    return promise;
  }

  #write(socket: Socket): number {
    socket.write(this.#request);
    return performance.now();
  }

  #count(answer: Scanned, took: number): void {
    if (answer.status !== 200 || !answer.body.equals(this.#expected)) {
      this.#fail(`status ${answer.status}: ${answer.body.toString().slice(0, 200)}`);
      return;
    }
    this.#tally.latencies[this.#tally.done] = took;
    this.#tally.done += 1;
  }

  #fail(reason: string): void {
    this.#tally.failed += 1;
    this.#tally.firstFailure ??= reason;
  }
}
