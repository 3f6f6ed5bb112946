/**
 * How fast the body of one stream goes, in both directions: no faster than the other side takes it (its window), than the connection carries it, and
 * than our own reader reads. Invariant: a reader who stops holds up nobody but himself; where many send, each gets his turn, a frame at a time.
 */
import { Breach, MAX_DATA_BYTES, WINDOW_BYTES } from './frames.ts';

/** The connection as a flow needs it. */
export interface Carrier {
  data(stream: number, bytes: Buffer, last: boolean): void;
  window(stream: number, bytes: number): void;
  /** Nothing more should be sent for now. */
  readonly full: boolean;
  /** Calls `resume` when it is this flow's turn. */
  await(flow: Flow): void;
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

  /** A promise where not all could be sent at once; nothing else may be sent before it is kept. */
  send(bytes: Buffer, last: boolean): Promise<void> | undefined {
    if (this.#unsent) throw new Error('something is being sent already');
    if (bytes.length === 0 && !last) return undefined; // to the other side it would be a breach
    if (bytes.length <= Math.min(this.#maySend, MAX_DATA_BYTES) && !this.#carrier.full) {
      this.#maySend -= bytes.length;
      this.#carrier.data(this.stream, bytes, last);
      return undefined;
    }
    this.#unsent = bytes;
    this.#last = last;
    this.#sent = Promise.withResolvers();
    this.#carrier.await(this);
    return this.#sent.promise;
  }

  /** Throws `Breach` for a window beyond what was agreed. */
  grant(bytes: number): void {
    this.#maySend += bytes;
    if (this.#maySend > WINDOW_BYTES) throw new Breach('a window that is too wide');
    if (this.#unsent) this.#carrier.await(this);
  }

  /** Sends one frame, if the window is open, and waits for the next turn where there is more. */
  resume(): void {
    const unsent = this.#unsent;
    if (!unsent) return;
    const size = Math.min(unsent.length, this.#maySend, MAX_DATA_BYTES);
    if (size === 0 && unsent.length > 0) return;
    const rest = unsent.length - size;
    this.#maySend -= size;
    this.#carrier.data(this.stream, unsent.subarray(0, size), this.#last && rest === 0);
    this.#unsent = unsent.subarray(size);
    if (rest > 0) this.#carrier.await(this);
    else this.stop();
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
