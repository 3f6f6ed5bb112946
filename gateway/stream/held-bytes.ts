/**
 * Bytes that wait for more: one buffer that doubles, so that who sends byte by byte does not cost an object a byte. A single chunk is never copied.
 * It knows no bound; whoever holds looks at `size`.
 */

const NOTHING = Buffer.alloc(0);

export class HeldBytes {
  /** A chunk as it came is full, so nothing is ever written into another's memory. */
  #bytes: Buffer = NOTHING;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(chunk: Buffer): void {
    if (this.#size === 0) this.#bytes = chunk;
    else {
      this.#makeRoom(this.#size + chunk.length);
      chunk.copy(this.#bytes, this.#size);
    }
    this.#size += chunk.length;
  }

  /** All of them; afterwards it holds none. */
  take(): Buffer {
    const all = this.#bytes.subarray(0, this.#size);
    this.#bytes = NOTHING;
    this.#size = 0;
    return all;
  }

  #makeRoom(size: number): void {
    if (size <= this.#bytes.length) return;
    const wider = Buffer.allocUnsafe(Math.max(size, 2 * this.#bytes.length));
    this.#bytes.copy(wider, 0, 0, this.#size);
    this.#bytes = wider;
  }
}
