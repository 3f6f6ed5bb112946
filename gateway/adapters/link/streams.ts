/**
 * The streams of a link by number. A number is 1 bit for the side that opened it (1: the one that dialled), 14 bits of place, and above them 17 bits
 * that count how often the place has been used: late frames of an older stream find that it is another one's now.
 * Places, not a Map: the tables that a Map leaves behind as it changes name each other and what was in them, and the collector takes it for alive.
 */
import { Breach } from './frames.ts';

/** More at once than this are refused: a queue that grows hides an outage. Quiet streams count, so it is wide. */
export const MAX_STREAMS = 16_384;
const SIDES = 2;
/** A place's numbers begin again after so many uses. */
const MAX_USES = 2 ** 17;

interface Place<T> {
  number: number;
  stream: T | undefined;
}

export class Streams<T> {
  readonly #ours: 0 | 1;
  /** Odd places are the dialling side's, even ones the accepting side's: 15 bits of the number. */
  readonly #places: (Place<T> | undefined)[] = [];
  readonly #free: number[] = [];
  #size = 0;
  #opened = 0;

  constructor(dialled: boolean) {
    this.#ours = dialled ? 1 : 0;
  }

  get size(): number {
    return this.#size;
  }

  /** A number for a new stream of ours, to be `set` at once; undefined where there are too many. */
  next(): number | undefined {
    const free = this.#free.pop();
    if (free === undefined && this.#opened === MAX_STREAMS) return undefined;
    const place = free ?? this.#ours + SIDES * this.#opened++;
    const last = this.#places[place]?.number;
    const uses = last === undefined ? 0 : (Math.floor(last / PLACES) + 1) % MAX_USES;
    return uses * PLACES + place || PLACES; // stream 0 is the link itself
  }

  isOurs(number: number): boolean {
    return number % SIDES === this.#ours;
  }

  /** Of a stream that is over, frames may still be on their way. Throws `Breach` for one that there never was. */
  checkOver(number: number): void {
    if (!this.#places[number % PLACES]) throw new Breach('a stream that nobody has opened');
  }

  /** Throws `Breach` where the other side may not open this stream. */
  checkFree(number: number): void {
    const place = this.#places[number % PLACES];
    if (place?.stream) throw new Breach('a stream in the place of another');
    if (place?.number === number) throw new Breach('the number of a stream that is over');
  }

  get(number: number): T | undefined {
    const place = this.#places[number % PLACES];
    return place?.number === number ? place.stream : undefined;
  }

  set(number: number, stream: T): void {
    const place = this.#places[number % PLACES];
    if (place) {
      place.number = number;
      place.stream = stream;
    } else this.#places[number % PLACES] = { number, stream };
    this.#size += 1;
  }

  delete(number: number): void {
    const place = this.#places[number % PLACES];
    if (place?.number !== number || !place.stream) return;
    place.stream = undefined;
    this.#size -= 1;
    if (this.isOurs(number)) this.#free.push(number % PLACES);
  }

  all(): readonly T[] {
    const all: T[] = [];
    if (this.#size > 0) for (const place of this.#places) if (place?.stream) all.push(place.stream);
    return all;
  }

  /** Answers those that there were. */
  clear(): readonly T[] {
    const all = this.all();
    for (const place of this.#places) if (place) place.stream = undefined;
    this.#size = 0;
    return all;
  }
}

const PLACES = SIDES * MAX_STREAMS;
