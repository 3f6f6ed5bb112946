/** Callbacks for one kind of event. A callback that throws does not keep the others from being called; it goes to `onError`. */
export class Listeners<T = void> {
  readonly #all = new Set<(event: T) => void>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Answers how to stop. */
  add(listener: (event: T) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  call(event: T): void {
    for (const listener of this.#all) {
      try {
        listener(event);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
