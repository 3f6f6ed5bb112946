/**
 * The frames of a link: many requests and their answers on one connection between two gateways, told apart by a stream number.
 * A frame is 8 bytes, big endian (24 bits length of the payload, 1 bit "last of this side", 7 bits type, 32 bits stream), and its payload. Stream 0 is
 * the link itself; streams.ts says how the others are numbered. A stream begins with the request's head; it is over when the answer has ended, or is
 * reset by either side, and what was on its way then is ignored.
 * Pure. Invariant: nothing that breaks the rules gets past the reader; text has no byte that could be taken for another field.
 */

/** The protocol's name in ALPN (RFC 7301). */
export const LINK_PROTOCOL = 'portolan-link/1';

export const FRAME = {
  /** Method, target, then name and value of each header; or status, then the same. One a line, Latin-1. */
  head: 1,
  data: 2,
  /** The body of an answer breaks off; the payload is the fault code that says why. Ends the sender's side. */
  fault: 3,
  /** Whoever sends it wants no more of this stream, and sends no more. */
  reset: 4,
  /** So many more bytes of data may be sent (32 bits). */
  window: 5,
  ping: 6,
  pong: 7,
  /** To whoever dialled: open no new streams here, and hang up when those under way have ended. */
  leave: 8,
  /** To whoever dialled: nothing will be answered here; the payload is the fault code that says why. */
  refuse: 9,
} as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];

export const HEADER_BYTES = 8;
/** Of one frame: long enough for every head that node's parser lets in. */
export const MAX_PAYLOAD_BYTES = 65_536;
/** Of one data frame: no longer than a TLS record, so that a long body lets others in between. */
export const MAX_DATA_BYTES = 16_384 - HEADER_BYTES;
/** Bytes of data that a stream may carry before the other side has taken any. */
export const WINDOW_BYTES = 262_144;

const LAST = 0x80;

/** The other side does not keep to the protocol: nothing more that it sends can be understood. */
export class Breach extends Error {}

export interface Frame {
  readonly type: number;
  readonly last: boolean;
  readonly stream: number;
  readonly payload: Buffer;
}

export function writeHeader(
  into: Buffer,
  at: number,
  frame: Omit<Frame, 'payload'> & { readonly length: number },
): void {
  into.writeUInt32BE(((frame.length << 8) | frame.type | (frame.last ? LAST : 0)) >>> 0, at);
  into.writeUInt32BE(frame.stream, at + 4);
}

/** Finds the frames in what comes. Payloads share memory with the chunk they came in. */
export class FrameReader {
  readonly #take: (frame: Frame) => void;
  /** A frame that has come in part: its header, or all of it as far as it has come. */
  #part: Buffer = Buffer.alloc(HEADER_BYTES);
  #has = 0;

  constructor(take: (frame: Frame) => void) {
    this.#take = take;
  }

  /** Throws `Breach`. */
  push(chunk: Buffer): void {
    let at = 0;
    while (this.#has > 0 && at < chunk.length) at += this.#fill(chunk, at);
    while (chunk.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + payloadLength(chunk, at);
      if (end > chunk.length) break;
      this.#give(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#keep(chunk, at);
  }

  /** Adds to the frame that has come in part; answers how many bytes of `chunk` it took. */
  #fill(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#part, this.#has, at);
    this.#has += taken;
    if (this.#has < this.#part.length) return taken;
    const length = HEADER_BYTES + payloadLength(this.#part, 0);
    if (length > this.#part.length) this.#widen(length);
    else {
      this.#has = 0;
      this.#give(this.#part, 0, length);
    }
    return taken;
  }

  #keep(chunk: Buffer, at: number): void {
    const known = chunk.length - at >= HEADER_BYTES;
    this.#part = Buffer.allocUnsafe(known ? HEADER_BYTES + payloadLength(chunk, at) : HEADER_BYTES);
    this.#has = chunk.copy(this.#part, 0, at);
  }

  #widen(length: number): void {
    const wider = Buffer.allocUnsafe(length);
    this.#part.copy(wider);
    this.#part = wider;
  }

  #give(bytes: Buffer, at: number, end: number): void {
    const kind = bytes[at + 3] ?? 0;
    this.#take({
      type: kind & ~LAST,
      last: (kind & LAST) !== 0,
      stream: bytes.readUInt32BE(at + 4),
      payload: bytes.subarray(at + HEADER_BYTES, end),
    });
  }
}

function payloadLength(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at) >>> 8;
  if (length > MAX_PAYLOAD_BYTES) throw new Breach(`a frame of ${length} bytes`);
  return length;
}

/** More than `accept` lets in, and a few of our own: looking for one among thousands takes time. */
const MAX_HEADERS = 256;
/** A field's text (RFC 9110 §5.5), obsolete bytes included. */
const TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;
const LINES = /^[\t\n\x20-\x7e\x80-\xff]*$/;
/** `__proto__` is the one name that an object does not keep. */
const NAME = /^(?!__proto__$)[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** `first` as in `readHead`. Throws `TypeError` for what the other side could not read: it would cost more than this one stream there. */
export function headText(first: readonly string[], headers: readonly string[]): string {
  const fields = first.concat(headers);
  for (const field of fields)
    if (!TEXT.test(field)) throw new TypeError('a head with a control character, or beyond Latin-1');
  const text = fields.join('\n');
  const wrong = misnamed(fields, first.length);
  if (wrong !== undefined) throw new TypeError(wrong);
  if (text.length > MAX_PAYLOAD_BYTES) throw new TypeError(`a head of ${text.length} bytes`);
  return text;
}

export interface Head {
  /** Method and target, or status. */
  readonly first: readonly string[];
  /** Flat. */
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

/** `first`: how many fields come before the headers. Throws `Breach`. */
export function readHead(payload: Buffer, first: number): Head {
  const text = payload.toString('latin1');
  if (!LINES.test(text)) throw new Breach('a head with a control character');
  const fields = text.split('\n');
  const wrong = misnamed(fields, first);
  if (wrong !== undefined) throw new Breach(wrong);
  const headers: Record<string, string> = {};
  for (let i = first; i < fields.length; i += 2) headers[fields[i] ?? ''] = fields[i + 1] ?? '';
  return { first: fields.slice(0, first), rawHeaders: fields.slice(first), headers };
}

/** What is wrong with the names of the headers that begin at `first`; undefined where nothing is. */
function misnamed(fields: readonly string[], first: number): string | undefined {
  if (fields.length < first || (fields.length - first) % 2 !== 0) return 'a head that is cut';
  if (fields.length - first > 2 * MAX_HEADERS) return `more than ${MAX_HEADERS} headers`;
  for (let i = first; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (!NAME.test(name)) return 'a header without a proper name';
    for (let j = first; j < i; j += 2) if (fields[j] === name) return `the header ${name} twice`;
  }
  return undefined;
}

/** How long a body must be, where its head says so (RFC 9110 §8.6): what is passed on as it is must not be longer, or shorter, than announced. */
export class BodyLength {
  #left: number | undefined;

  /** Throws `Breach`. */
  constructor(announced: string | undefined) {
    if (announced !== undefined && !/^\d{1,15}$/.test(announced)) throw new Breach('a length that is no number');
    this.#left = announced === undefined ? undefined : Number(announced);
  }

  get isAnnounced(): boolean {
    return this.#left !== undefined;
  }

  /** So many bytes have come. Throws `Breach`. */
  count(bytes: number, last: boolean): void {
    if (this.#left === undefined) return;
    this.#left -= bytes;
    if (this.#left < 0 || (last && this.#left > 0)) throw new Breach('a body of another length than announced');
  }
}
