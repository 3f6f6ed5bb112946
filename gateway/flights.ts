/**
 * The requests that are under way: how many, and how to end them (caller left, deadline, drain). A flight is one request's life.
 * It knows nothing of what a request is about. Invariant: whoever takes off lands, once, whatever happens in between.
 */
import { type Refusal, refuse } from '@portolan/core';

export class Flight {
  readonly #flights: Set<Flight>;
  readonly #controller = new AbortController();
  #deadline: NodeJS.Timeout | undefined;
  /** A stream that lasts until someone leaves: the first to be ended at a drain. */
  openEnded = false;

  constructor(flights: Set<Flight>) {
    this.#flights = flights;
    flights.add(this);
  }

  /** Aborts with a `Refusal`: why the request may not go on. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(reason: Refusal): void {
    if (!this.#controller.signal.aborted) this.#controller.abort(reason);
  }

  /** Ends the flight with `reason()` unless it has landed within `ms`. */
  expire(ms: number, reason: () => Refusal): void {
    this.#deadline = setTimeout(() => this.end(reason()), ms);
  }

  land(): void {
    clearTimeout(this.#deadline);
    this.#flights.delete(this);
  }
}

export class Flights {
  readonly #all = new Set<Flight>();
  readonly #bound: number;

  /** `bound`: how many may be under way at once. */
  constructor(bound: number) {
    this.#bound = bound;
  }

  takeOff(): Flight {
    return new Flight(this.#all);
  }

  get size(): number {
    return this.#all.size;
  }

  get full(): boolean {
    return this.#all.size > this.#bound;
  }

  /** Ends streams that would never end by themselves; `everything` ends calls, too. */
  endAll(which: 'open-ended' | 'everything', hop: string): void {
    for (const flight of this.#all) {
      if (which === 'everything' || flight.openEnded) flight.end(refuse('draining', { hop }));
    }
  }
}
