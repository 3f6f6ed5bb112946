/** A bounded queue for refusals of callers who are nobody yet: when it is full the newest is dropped and counted, so a flood costs nothing else. */
export class Ring<T> {
  readonly #bound: number;
  #waiting: T[] = [];
  #dropped = 0;

  constructor(bound: number) {
    this.#bound = bound;
  }

  get size(): number {
    return this.#waiting.length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  push(item: T): void {
    if (this.#waiting.length < this.#bound) this.#waiting.push(item);
    else this.#dropped += 1;
  }

  /** The oldest, at most `count`. */
  take(count: number): readonly T[] {
    const taken = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return taken;
  }
}
