/** Finds the line ends of one buffer from left to right, LF or CR; each byte is looked at once, whatever the mix of the two. */

const LF = 0x0a;
const CR = 0x0d;

export class LineEnds {
  readonly #bytes: Buffer;
  // the next of each kind, kept between calls: a text without LF would else be searched to its end for every CR
  #lf: number;
  #cr: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#lf = bytes.indexOf(LF);
    this.#cr = bytes.indexOf(CR);
  }

  /** Position of the first LF or CR at or after `from`; undefined where there is none. `from` must not fall. */
  next(from: number): number | undefined {
    if (this.#lf >= 0 && this.#lf < from) this.#lf = this.#bytes.indexOf(LF, from);
    if (this.#cr >= 0 && this.#cr < from) this.#cr = this.#bytes.indexOf(CR, from);
    if (this.#lf < 0) return this.#cr < 0 ? undefined : this.#cr;
    return this.#cr < 0 ? this.#lf : Math.min(this.#lf, this.#cr);
  }
}
