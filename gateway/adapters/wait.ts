/** Waiting that ends early: by an abort, or because something happened that makes waiting pointless. Never rejects. */
import { setTimeout as delay } from 'node:timers/promises';

/** A wait that `wake` cuts short; a wake while nobody waits cuts the next wait short. */
export class Pause {
  #waker = new AbortController();

  wake(): void {
    this.#waker.abort();
  }

  /** Resolves after `ms`, at `wake` or when `signal` aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#waker.signal]);
    await delay(Math.max(0, ms), undefined, { signal: either }).catch(() => undefined);
    if (this.#waker.signal.aborted) this.#waker = new AbortController();
  }
}

/** `first`, doubled a try up to `most` ms; between half and all of it, so that many gateways do not come back as one. */
export function backoff(tries: number, first: number, most: number): number {
  const whole = Math.min(most, first * 2 ** Math.min(tries, 30));
  return whole / 2 + Math.random() * (whole / 2);
}
