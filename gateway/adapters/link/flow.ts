/**
 * How fast the body of one stream goes, in both directions: no faster than the other side takes it (its window), than the connection carries it, and
 * than our own reader reads. Invariant: a reader who stops holds up nobody but himself, and makes us hold no more than one window.
 */
import { Breach, MAX_DATA_BYTES, WINDOW_BYTES } from './frames.ts';

/** The connection as a flow needs it. */
export interface Carrier {
  data(stream: number, bytes: Buffer, last: boolean): void;
  window(stream: number, bytes: number): void;
  /** May more be sent now? If not, `resume` is called when it may. */
  hasRoom(flow: Flow): boolean;
}

export class Flow {
  readonly stream: number;
  readonly #carrier: Carrier;
  #maySend = WINDOW_BYTES;
  #mayReceive = WINDOW_BYTES;
  /** Read, and not yet told. */
  #read = 0;
  #unsent: Buffer | undefined;
  #last = false;
  #sent: PromiseWithResolvers<void> | undefined;

  constructor(stream: number, carrier: Carrier) {
    this.stream = stream;
    this.#carrier = carrier;
  }

  /** A promise where not all could be sent at once; to be awaited before the next. */
  send(bytes: Buffer, last: boolean): Promise<void> | undefined {
    if (bytes.length <= Math.min(this.#maySend, MAX_DATA_BYTES) && this.#carrier.hasRoom(this)) {
      this.#maySend -= bytes.length;
      this.#carrier.data(this.stream, bytes, last);
      return undefined;
    }
    this.#unsent = bytes;
    this.#last = last;
    this.#sent = Promise.withResolvers();
    const { promise } = this.#sent;
    this.resume();
    return promise;
  }

  /** Throws `Breach` for a window beyond what was agreed. */
  grant(bytes: number): void {
    this.#maySend += bytes;
    if (this.#maySend > WINDOW_BYTES) throw new Breach('a window that is too wide');
    this.resume();
  }

  /** Sends on, as far as window and connection allow. */
  resume(): void {
    while (this.#unsent) {
      const size = Math.min(this.#unsent.length, this.#maySend, MAX_DATA_BYTES);
      const closed = size === 0 && this.#unsent.length > 0;
      if (closed || !this.#carrier.hasRoom(this)) return;
      const rest = this.#unsent.length - size;
      this.#maySend -= size;
      this.#carrier.data(this.stream, this.#unsent.subarray(0, size), this.#last && rest === 0);
      this.#unsent = rest > 0 ? this.#unsent.subarray(size) : undefined;
    }
    this.stop();
  }

  /** Nothing more is sent; whoever waits goes on. */
  stop(): void {
    this.#unsent = undefined;
    this.#sent?.resolve();
    this.#sent = undefined;
  }

  /** Throws `Breach` where more has come than was allowed. */
  received(bytes: number): void {
    this.#mayReceive -= bytes;
    if (this.#mayReceive < 0) throw new Breach('more data than the window allows');
  }

  /** Our reader has taken so many bytes: as many more may come. */
  read(bytes: number): void {
    this.#read += bytes;
    if (this.#read < WINDOW_BYTES / 2) return;
    this.#carrier.window(this.stream, this.#read);
    this.#mayReceive += this.#read;
    this.#read = 0;
  }
}
