/**
 * Puts frames together and writes them at the end of the event loop's turn: what many calls send in one turn is one write, and one TLS record or few.
 */
import type { Socket } from 'node:net';
import { type FrameType, HEADER_BYTES, writeHeader } from './frames.ts';

const SLAB_BYTES = 65_536;
/** What may wait for a side that does not read. Bodies stop at far less; heads and control frames of many streams may come to this. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;
/** With so much waiting, nothing new should be begun. */
const BEHIND_BYTES = 4 * 1024 * 1024;

export class FrameWriter {
  readonly #socket: Socket;
  readonly #onStuck: () => void;
  /** Written front to back, never twice: the socket may still hold what it was given. */
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #from = 0;
  #to = 0;
  #due = false;

  /** `onStuck`: more waits than may. */
  constructor(socket: Socket, onStuck: () => void) {
    this.#socket = socket;
    this.#onStuck = onStuck;
  }

  /** Bodies should wait until the socket has taken more, which its `drain` tells. */
  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  get isBehind(): boolean {
    return this.#socket.writableLength > BEHIND_BYTES;
  }

  bytes(type: FrameType, stream: number, last: boolean, payload: Buffer): void {
    const at = this.#begin(type, stream, last, payload.length);
    payload.copy(this.#slab, at);
  }

  /** `text` is Latin-1. */
  text(type: FrameType, stream: number, last: boolean, text: string): void {
    const at = this.#begin(type, stream, last, text.length);
    this.#slab.write(text, at, 'latin1');
  }

  number(type: FrameType, stream: number, value: number): void {
    const at = this.#begin(type, stream, false, 4);
    this.#slab.writeUInt32BE(value, at);
  }

  /** Answers where the payload goes. */
  #begin(type: FrameType, stream: number, last: boolean, length: number): number {
    const size = HEADER_BYTES + length;
    if (this.#to + size > this.#slab.length) {
      this.#write();
      this.#slab = Buffer.allocUnsafeSlow(Math.max(size, SLAB_BYTES));
      this.#from = 0;
      this.#to = 0;
    }
    const at = this.#to;
    writeHeader(this.#slab, at, { type, last, stream, length });
    this.#to += size;
    if (!this.#due) {
      this.#due = true;
      setImmediate(this.#flush);
    }
    return at + HEADER_BYTES;
  }

  readonly #flush = (): void => {
    this.#due = false;
    this.#write();
  };

  #write(): void {
    if (this.#from === this.#to || !this.#socket.writable) return;
    this.#socket.write(this.#slab.subarray(this.#from, this.#to));
    this.#from = this.#to;
    if (this.#socket.writableLength > MAX_BACKLOG_BYTES) this.#onStuck();
  }
}
