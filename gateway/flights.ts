/**
 * The requests that are under way: how many, and how to end them (caller left, deadline, drain). A flight is one request's life.
 * It knows nothing of what a request is about, only whose it is. Deadlines and silence are looked at every `TICK_MS` instead of having a timer each:
 * nearly all of them are minutes away and never reached. Invariant: whoever takes off lands, once, whatever happens in between.
 */
import { type Refusal, refuse } from '@portolan/core';
import type { Ending } from './ports.ts';

const TICK_MS = 100;
/** A tick that comes later counts as so much silence: a process that was stopped must first hear what has come meanwhile. */
const LATE_TICK_MS = 1_000;
/** How long people may think in all, in one call. */
const THINKING_MS = 86_400_000;
/** An open stream on which nothing was written for so long gets a comment: well before the 30 s after which the least patient proxies cut it. */
export const QUIET_MS = 20_000;

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
  #idleMs = Number.POSITIVE_INFINITY;
  #late: ((detail: string) => Refusal) | undefined;
  /** A byte has come since the last tick; and for how long none has, ms. */
  #heard = true;
  #silentMs = 0;
  /** A person has been asked; and how long people have thought so far, ms. */
  #thinking = false;
  #thoughtMs = 0;
  /** How to say on a stream that it is still open; whether anything has been written on it since the last tick; and for how long not, ms. */
  #comment: (() => void) | undefined;
  #spoke = true;
  #unspokenMs = 0;
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

  /**
   * Ends the flight with `reason` unless it has landed by `deadline` (monotonic, ms), or when nothing has been heard for `idleMs`; at most `TICK_MS`
   * later. Neither runs while a person thinks, the second not while the caller is the one who does not read. 0: no bound of that kind.
   */
  expire(deadline: number, idleMs: number, reason: (detail: string) => Refusal): void {
    this.#deadline = deadline || Number.POSITIVE_INFINITY;
    this.#idleMs = idleMs || Number.POSITIVE_INFINITY;
    this.#late = reason;
  }

  heard(): void {
    this.#heard = true;
  }

  /** The server has asked the caller something. */
  asked(): void {
    this.#thinking = !this.openEnded; // whose end is the token's, which no server may put off
  }

  /** The server goes on: it has its answer, or does not wait for it. */
  wentOn(): void {
    this.#thinking = false;
  }

  /** Until it lands, `comment` is called whenever the stream has been quiet for too long and its caller reads; undefined: no more. */
  onQuiet(comment: (() => void) | undefined): void {
    this.#comment = comment;
  }

  /** Something is written on the stream. */
  spoke(): void {
    this.#spoke = true;
  }

  /** `now`: monotonic, ms; `elapsed`: since the last tick, ms. */
  check(now: number, elapsed: number, quietMs: number): void {
    if (this.#comment) this.#breakSilence(elapsed, quietMs);
    if (this.#thinking) this.#think(elapsed);
    this.#silentMs =
      this.#heard || this.#blocked || this.#thinking ? 0 : this.#silentMs + Math.min(elapsed, LATE_TICK_MS);
    this.#heard = false;
    if (!this.#late) return;
    if (now >= this.#deadline) this.end(this.#late('the whole call has a deadline'));
    else if (this.#silentMs >= this.#idleMs) this.end(this.#late(`no byte for ${this.#idleMs} ms`));
  }

  /** The whole call has so much more time. */
  #think(elapsed: number): void {
    this.#thoughtMs += elapsed;
    if (this.#thoughtMs <= THINKING_MS) this.#deadline += elapsed;
    else this.#thinking = false;
  }

  #breakSilence(elapsed: number, quietMs: number): void {
    this.#unspokenMs = this.#spoke || this.#blocked ? 0 : this.#unspokenMs + elapsed;
    this.#spoke = false;
    if (this.#unspokenMs < quietMs) return;
    this.#unspokenMs = 0;
    this.#comment?.();
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
  readonly #quietMs: number;
  #tickedAt = 0;
  #ticker: NodeJS.Timeout | undefined;

  /** `bound`: how many may be admitted at once. `monotonic`: the clock of the deadlines, ms. `quietMs`: longest silence on an open stream. */
  constructor(bound: number, monotonic: () => number, quietMs: number = QUIET_MS) {
    this.#bound = bound;
    this.#monotonic = monotonic;
    this.#quietMs = quietMs;
  }

  takeOff(): Flight {
    if (!this.#ticker) this.#startTicking();
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

  #startTicking(): void {
    this.#tickedAt = this.#monotonic();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  #tick(): void {
    const now = this.#monotonic();
    const elapsed = now - this.#tickedAt;
    this.#tickedAt = now;
    this.#each((flight) => flight.check(now, elapsed, this.#quietMs));
    if (this.#all.length > 0) return;
    this.#byCaller.clear();
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }
}
