/**
 * Does a gateway live that says nothing? A process that is stopped, or a machine that is cut off, leaves its connections up for minutes, and a slow
 * tool is as quiet. But only a living process finishes a TLS handshake: so one is made, and what is made is thrown away.
 * Invariant: gone is only who left two handshakes unfinished, one after the other, while not one byte of his came by another way. One that refuses
 * connections may be draining, one that is slow may be loaded: neither is gone.
 */
import type { buildConnector } from 'undici';
import { DialTimeout } from './undici-dial.ts';

/** From a handshake with a gateway that stays quiet but lives to the next one. */
const AGAIN_MS = 3_000;

export interface PulseOptions {
  readonly dial: buildConnector.connector;
  /** Has anything come from it since this was asked last? */
  readonly heard: () => boolean;
  /** How long it may be quiet while calls wait. */
  readonly patienceMs: number;
}

export class Pulse {
  readonly #options: PulseOptions;
  #aliveAt = 0;
  #dueAt: number;

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#dueAt = performance.now() + options.patienceMs;
  }

  /** To be asked now and then; `waiting`: a call waits for the gateway. Answers true where it is gone. */
  async gone(waiting: boolean): Promise<boolean> {
    const now = performance.now();
    if (this.#options.heard() || !waiting) {
      this.#aliveAt = now;
      this.#dueAt = now + this.#options.patienceMs;
    }
    if (now < this.#dueAt) return false;
    this.#dueAt = Number.POSITIVE_INFINITY;
    // a path that loses packets for a moment, or a full backlog, costs one handshake, and no call
    const unanswered = (await this.#unanswered()) && (await this.#unanswered());
    this.#dueAt = performance.now() + AGAIN_MS;
    return unanswered && !this.#options.heard() && this.#aliveAt < now;
  }

  #unanswered(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    // the connector knows where to and as whom
    this.#options.dial({ hostname: '', protocol: 'https:', port: '' }, (error, socket) => {
      socket?.destroy();
      resolve(error instanceof DialTimeout);
    });
    return promise;
  }
}
