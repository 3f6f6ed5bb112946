/**
 * The requests that are under way: how many, and how to end them (caller left, deadline, drain). A flight is one request's life.
 * It knows nothing of what a request is about, only whose it is. Deadlines are looked at every `TICK_MS` instead of having a timer each: nearly
 * all of them are an hour away and never reached. Invariant: whoever takes off lands, once, whatever happens in between.
 */
import { type Refusal, refuse } from '@portolan/core';
import type { Ending } from './ports.ts';

const TICK_MS = 100;

/** How many flights have been admitted and not landed: of one caller, or of all. */
interface Tally {
  admitted: number;
}

export class Flight implements Ending {
  readonly #flights: Flight[];
  /** Where it stands among them; -1 when it has landed. */
  #place: number;
  #own: Tally | undefined;
  #all: Tally | undefined;
  #reason: Refusal | undefined;
  #listener: ((reason: Refusal) => void) | undefined;
  #blocked: (() => void) | undefined;
  #deadline = Number.POSITIVE_INFINITY;
  #late: (() => Refusal) | undefined;
  #objection: (() => Refusal | undefined) | undefined;
  /** A stream that lasts until someone leaves: the first to be ended at a drain. */
  openEnded = false;

  constructor(flights: Flight[]) {
    this.#flights = flights;
    this.#place = flights.push(this) - 1;
  }

  get reason(): Refusal | undefined {
    return this.#reason;
  }

  listen(listener: ((reason: Refusal) => void) | undefined): void {
    this.#listener = listener;
  }

  /** The first reason counts. */
  end(reason: Refusal): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#listener?.(reason);
    this.#blocked?.();
  }

  /** Resolves with `sent`. Whoever has not read by the end of the flight is left: `cut` must make `sent` resolve. */
  async unlessEnded(sent: Promise<void>, cut: () => void): Promise<void> {
    this.#blocked = cut;
    if (this.#reason) cut();
    await sent;
    this.#blocked = undefined;
  }

  /** Ends the flight with `reason()` unless it has landed by `deadline` (monotonic, ms), at most `TICK_MS` later. */
  expire(deadline: number, reason: () => Refusal): void {
    this.#deadline = deadline;
    this.#late = reason;
  }

  check(now: number): void {
    if (now >= this.#deadline && this.#late) this.end(this.#late());
  }

  /** `objection` is asked whenever what the gateway knows has changed; what it answers ends the flight. */
  hold(objection: () => Refusal | undefined): void {
    this.#objection = objection;
  }

  recheck(): void {
    const reason = this.#objection?.();
    if (reason) this.end(reason);
  }

  /** Counts among those of its caller, and among all, until it lands. */
  join(own: Tally, all: Tally): void {
    this.#own = own;
    this.#all = all;
    own.admitted += 1;
    all.admitted += 1;
  }

  land(): void {
    if (this.#place < 0) return;
    const last = this.#flights.pop();
    if (last && last !== this) {
      this.#flights[this.#place] = last;
      last.#place = this.#place;
    }
    this.#place = -1;
    if (!this.#own || !this.#all) return;
    this.#own.admitted -= 1;
    this.#all.admitted -= 1;
  }
}

export class Flights {
  /**
   * Without order, and no Set: the tables that a Set leaves behind as it changes name each other and what was in them, so that the collector
   * takes for alive whatever any of them holds; half of all calls outlived the young generation that way.
   */
  readonly #all: Flight[] = [];
  readonly #admitted: Tally = { admitted: 0 };
  readonly #byCaller = new Map<string, Tally>();
  readonly #bound: number;
  readonly #monotonic: () => number;
  #ticker: NodeJS.Timeout | undefined;

  /** `bound`: how many may be admitted at once. `monotonic`: the clock of the deadlines, ms. */
  constructor(bound: number, monotonic: () => number) {
    this.#bound = bound;
    this.#monotonic = monotonic;
  }

  takeOff(): Flight {
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS).unref();
    return new Flight(this.#all);
  }

  get size(): number {
    return this.#all.length;
  }

  /**
   * Counts `flight` as one of `caller`'s; false where the bound is reached, or half of it is his: the other half is for everyone else. Only what is
   * admitted counts: a refusal, too, may wait for a slow body, and must not take what it was refused.
   */
  admit(flight: Flight, caller: string): boolean {
    const own = this.#byCaller.get(caller) ?? { admitted: 0 };
    if (this.#admitted.admitted >= this.#bound || own.admitted >= Math.ceil(this.#bound / 2)) return false;
    this.#byCaller.set(caller, own);
    flight.join(own, this.#admitted);
    return true;
  }

  /** Ends streams that would never end by themselves; `everything` ends calls, too. */
  endAll(which: 'open-ended' | 'everything', hop: string): void {
    this.#each((flight) => {
      if (which === 'everything' || flight.openEnded) flight.end(refuse('draining', { hop }));
    });
  }

  /** Something has changed: whoever may no longer do what he does is ended. */
  recheckAll(): void {
    this.#each((flight) => flight.recheck());
  }

  /** From the last to the first: one that lands meanwhile leaves its place to one that has been seen. */
  #each(visit: (flight: Flight) => void): void {
    for (let i = this.#all.length - 1; i >= 0; i -= 1) {
      const flight = this.#all[i];
      if (flight) visit(flight);
    }
  }

  #tick(): void {
    const now = this.#monotonic();
    this.#each((flight) => flight.check(now));
    if (this.#all.length > 0) return;
    this.#byCaller.clear();
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }
}
