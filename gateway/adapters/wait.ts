/** Waiting that ends early: by an abort, or because something happened that makes waiting pointless. Never rejects. */

/** A wait that `wake` cuts short, for one waiter; a wake while nobody waits cuts the next wait short. */
export class Pause {
  #waiting: (() => void) | undefined;
  #woken = false;

  wake(): void {
    if (this.#waiting) this.#waiting();
    else this.#woken = true;
  }

  /** Resolves after `ms`, at `wake` or when `signal` aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const pointless = this.#woken || signal.aborted;
    this.#woken = false;
    if (pointless) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#waiting = undefined;
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, ms));
      signal.addEventListener('abort', done, { once: true });
      this.#waiting = done;
    });
  }
}

/** `first`, doubled a try up to `most` ms; between half and all of it, so that many gateways do not come back as one. */
export function backoff(tries: number, first: number, most: number): number {
  const whole = Math.min(most, first * 2 ** Math.min(tries, 30));
  return whole / 2 + Math.random() * (whole / 2);
}
