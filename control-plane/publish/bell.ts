/** Wakes one sleeper. Rings that come while it is awake count as one, and are heard at its next sleep. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves with true when rung, with false after the time or when the signal ends. */
  async heard(afterMs: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#rung && !signal.aborted) await this.#sleep(Math.max(0, afterMs), signal);
    const rung = this.#rung;
    this.#rung = false;
    return rung;
  }

  async #sleep(afterMs: number, signal: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>();
    const end = (): void => over.resolve();
    const timer = setTimeout(end, afterMs);
    signal.addEventListener('abort', end, { once: true });
    this.#wake = end;
    await over.promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
