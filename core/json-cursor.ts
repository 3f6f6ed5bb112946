/**
 * A strict reader over the bytes of one JSON text (RFC 8259): the caller walks objects and arrays, the cursor checks and tells ranges.
 * Nothing is built that nobody asks for; what is read stays where it is, so that others can cut and splice the original bytes.
 * Invariant: what it accepts, JSON.parse accepts with the same values; with `unique`, no reader can see two values under one key.
 */
import { isUtf8 } from 'node:buffer';

export interface Range {
  /** First byte. */
  readonly start: number;
  /** Byte after the last. */
  readonly end: number;
}

export interface JsonLimits {
  readonly depth: number;
  /** Members of all objects together. */
  readonly keys: number;
  /** Is a key that stands twice in one object a fault? */
  readonly unique: boolean;
}

export type JsonFaultCode = 'parse_error' | 'duplicate_key' | 'too_complex';

/** Why a text was refused. `says` is public: it names positions and limits, and of the content a key that stands twice. */
export class JsonFault extends Error {
  readonly code: JsonFaultCode;
  readonly says: string;

  constructor(code: JsonFaultCode, says: string) {
    super(`${code}: ${says}`);
    this.code = code;
    this.says = says;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** 1 for bytes that end a run of plain string bytes: quote, backslash, control characters. */
const STOP = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === QUOTE || byte === BACKSLASH ? 1 : 0,
);
/** As `STOP`, and 1 for all that is not ASCII: what remains is the same text in every encoding. */
const STOP_ASCII = STOP.map((stop, byte) => (byte >= 0x80 ? 1 : stop));
/** 1 for the letters that may follow a backslash, but for the u. */
const ESCAPE = new Uint8Array(256);
for (const byte of Buffer.from('"\\/bfnrt')) ESCAPE[byte] = 1;

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const isHex = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);

/** Up to this many keys of one object, looking through them is faster than a set. */
const FEW = 16;

export class JsonCursor {
  readonly bytes: Buffer;
  /** The next byte. */
  at = 0;
  readonly #limits: JsonLimits;
  /** The bytes as a string of as many characters: a key is cut out of it in a fifth of the time that the buffer takes. */
  readonly #latin1: string;
  readonly #skipMember = (): void => void this.skip();
  /** Keys of the objects that are open, outermost first. */
  readonly #seen: string[] = [];
  #depth = 0;
  #keys = 0;

  /** Throws `JsonFault` for bytes that are not UTF-8. */
  constructor(bytes: Buffer, limits: JsonLimits) {
    this.bytes = bytes;
    this.#limits = limits;
    if (!isUtf8(bytes)) throw new JsonFault('parse_error', 'expected UTF-8');
    this.#latin1 = bytes.toString('latin1');
  }

  /** The byte that starts the next value or ends the last; undefined where the text is over. */
  peek(): number | undefined {
    let byte = this.bytes[this.at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      this.at += 1;
      byte = this.bytes[this.at];
    }
    return byte;
  }

  /** Where the next value starts. */
  peekAt(): number {
    this.peek();
    return this.at;
  }

  get atObject(): boolean {
    return this.peek() === OPEN_BRACE;
  }
  get atArray(): boolean {
    return this.peek() === OPEN_BRACKET;
  }
  get atString(): boolean {
    return this.peek() === QUOTE;
  }

  /** Reads an object; `member` is called with each key while the cursor stands before its value, which it must consume. */
  object(member: (key: string) => void): Range {
    const start = this.#enter(OPEN_BRACE, 'an object');
    const outer = this.#seen.length;
    if (this.peek() !== CLOSE_BRACE) {
      let many: Set<string> | undefined;
      do {
        const key = this.#key();
        if (this.#limits.unique) many = this.#checkNew(key, outer, many);
        this.#expect(COLON, '":"');
        member(key);
      } while (this.#more(CLOSE_BRACE, '"," or "}"'));
    }
    this.#seen.length = outer;
    return this.#leave(start);
  }

  /** Reads an array; `element` is called for each element while the cursor stands before it. */
  array(element: () => void): Range {
    const start = this.#enter(OPEN_BRACKET, 'an array');
    if (this.peek() !== CLOSE_BRACKET) {
      do {
        this.peek();
        element();
      } while (this.#more(CLOSE_BRACKET, '"," or "]"'));
    }
    return this.#leave(start);
  }

  /** Reads any value, and checks all of it. */
  skip(): Range {
    const first = this.peek();
    if (first === QUOTE) return this.#skipString();
    if (first === OPEN_BRACE) return this.object(this.#skipMember);
    if (first === OPEN_BRACKET) return this.array(this.#skipMember);
    if (first === 0x2d || isDigit(first)) return this.#number();
    if (first === 0x74) return this.#word(TRUE);
    if (first === 0x66) return this.#word(FALSE);
    return this.#word(NULL);
  }

  /** Reads any value; was it null? */
  skipNull(): boolean {
    const isNull = this.peek() === 0x6e;
    this.skip();
    return isNull;
  }

  /** Reads a string and decodes it. Half a surrogate pair is refused: two readers would not see the same text. */
  string(): string {
    if (this.peek() !== QUOTE) throw this.#unexpected('a string');
    const { bytes, at } = this;
    let i = at + 1;
    while (STOP_ASCII[bytes[i] as number] === 0) i += 1;
    if (bytes[i] !== QUOTE) return this.#decode();
    this.at = i + 1;
    return this.#latin1.slice(at + 1, i);
  }

  /** A string that is not plain ASCII. */
  #decode(): string {
    const { start, end } = this.#skipString();
    const quoted = this.bytes.toString('utf8', start, end);
    const text: string = JSON.parse(quoted);
    if (!text.isWellFormed()) throw new JsonFault('parse_error', `half a surrogate pair after byte ${start}`);
    return text;
  }

  /** Nothing but blanks may follow. */
  end(): void {
    if (this.peek() !== undefined) throw this.#unexpected('the end');
  }

  #key(): string {
    this.#keys += 1;
    if (this.#keys > this.#limits.keys) throw new JsonFault('too_complex', `at most ${this.#limits.keys} keys`);
    if (this.peek() !== QUOTE) throw this.#unexpected('a key');
    return this.string();
  }

  /** Remembers a key of the object whose keys begin at `outer`; in a set, which it returns, once there are many. */
  #checkNew(key: string, outer: number, many: Set<string> | undefined): Set<string> | undefined {
    const seen = this.#seen;
    const set = many ?? (seen.length - outer < FEW ? undefined : new Set(seen.slice(outer)));
    const known = set ? set.has(key) : seen.indexOf(key, outer) >= 0;
    if (known) throw new JsonFault('duplicate_key', key);
    if (set) set.add(key);
    else seen.push(key);
    return set;
  }

  /** Is there another member or element? */
  #more(close: number, what: string): boolean {
    const byte = this.peek();
    if (byte === close) return false;
    if (byte !== COMMA) throw this.#unexpected(what);
    this.at += 1;
    return true;
  }

  #enter(bracket: number, what: string): number {
    if (this.peek() !== bracket) throw this.#unexpected(what);
    this.#depth += 1;
    if (this.#depth > this.#limits.depth) throw new JsonFault('too_complex', `at most ${this.#limits.depth} levels`);
    this.at += 1;
    return this.at - 1;
  }

  #leave(start: number): Range {
    this.#depth -= 1;
    this.at += 1;
    return { start, end: this.at };
  }

  #expect(byte: number, what: string): void {
    if (this.peek() !== byte) throw this.#unexpected(what);
    this.at += 1;
  }

  #skipString(): Range {
    if (this.peek() !== QUOTE) throw this.#unexpected('a string');
    const { bytes } = this;
    const start = this.at;
    let i = start + 1;
    for (;;) {
      while (STOP[bytes[i] as number] === 0) i += 1;
      if (bytes[i] === QUOTE) break;
      this.at = i;
      if (bytes[i] !== BACKSLASH) throw this.#unexpected('a string without bare control characters');
      i = this.#escape(i + 1);
    }
    this.at = i + 1;
    return { start, end: this.at };
  }

  /** The byte after the escape whose letter stands at `i`. */
  #escape(i: number): number {
    const { bytes } = this;
    if (ESCAPE[bytes[i] ?? 0] === 1) return i + 1;
    const hex = bytes[i] === 0x75 && isHex(bytes[i + 1]) && isHex(bytes[i + 2]) && isHex(bytes[i + 3]);
    if (!hex || !isHex(bytes[i + 4])) throw this.#unexpected('a valid escape');
    return i + 5;
  }

  #digits(what: string): void {
    if (!isDigit(this.bytes[this.at])) throw this.#unexpected(what);
    while (isDigit(this.bytes[this.at])) this.at += 1;
  }

  #number(): Range {
    const { bytes } = this;
    const start = this.at;
    if (bytes[this.at] === 0x2d) this.at += 1;
    if (bytes[this.at] === 0x30) this.at += 1;
    else this.#digits('a digit');
    if (bytes[this.at] === 0x2e) {
      this.at += 1;
      this.#digits('a digit after the point');
    }
    if (((bytes[this.at] ?? 0) | 0x20) === 0x65) {
      this.at += 1;
      if (bytes[this.at] === 0x2b || bytes[this.at] === 0x2d) this.at += 1;
      this.#digits('a digit in the exponent');
    }
    return { start, end: this.at };
  }

  #word(word: Buffer): Range {
    const start = this.at;
    for (let i = 0; i < word.length; i += 1) if (this.bytes[start + i] !== word[i]) throw this.#unexpected('a value');
    this.at += word.length;
    return { start, end: this.at };
  }

  #unexpected(what: string): JsonFault {
    const found = this.at < this.bytes.length ? `byte ${this.at} is not` : 'the text ends';
    return new JsonFault('parse_error', `expected ${what}, but ${found}`);
  }
}
