/**
 * A strict reader over the bytes of one JSON text (RFC 8259): the caller walks objects and arrays, the cursor checks and keeps ranges.
 * Nothing is built that nobody asks for; what is read stays where it is, so that others can cut and splice the original bytes.
 * Invariant: what it accepts, JSON.parse accepts with the same values, and no reader can see two values under one key.
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

/** Why a text was refused. `says` is public: it names positions and limits, and of the content at most a key. */
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

/** 1 where a run of plain string bytes ends: quote, backslash, control characters. */
const STRING_STOP = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === QUOTE || byte === BACKSLASH ? 1 : 0,
);
const ESCAPES = new Set(Buffer.from('"\\/bfnrt'));
const LITERALS: ReadonlyMap<number, Buffer> = new Map(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]),
);

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const isHex = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);

/** Below this many keys an array is faster than a set. */
const FEW = 12;

/** The keys of one object, as they read after unescaping. */
class Keys {
  readonly #few: string[] = [];
  #many: Set<string> | undefined;

  /** False where the key is there already. */
  add(key: string): boolean {
    if (this.#many) return this.#addToMany(key);
    if (this.#few.includes(key)) return false;
    this.#few.push(key);
    if (this.#few.length > FEW) this.#many = new Set(this.#few.map((known) => `"${known}`));
    return true;
  }

  // the prefix keeps V8 from hashing keys that look like integers without its seed, which lets a sender choose collisions
  #addToMany(key: string): boolean {
    const many = this.#many as Set<string>;
    const before = many.size;
    many.add(`"${key}`);
    return many.size > before;
  }
}

export class JsonCursor {
  readonly bytes: Buffer;
  /** The next byte. */
  at = 0;
  readonly #limits: JsonLimits;
  readonly #skipMember = (): void => void this.skip();
  #depth = 0;
  #keys = 0;

  /** Throws `JsonFault` for bytes that are not UTF-8. */
  constructor(bytes: Buffer, limits: JsonLimits) {
    this.bytes = bytes;
    this.#limits = limits;
    if (!isUtf8(bytes)) throw new JsonFault('parse_error', 'expected UTF-8');
  }

  /** The byte that starts the next value, which tells its kind; undefined at the end of the text. */
  peek(): number | undefined {
    this.#space();
    return this.bytes[this.at];
  }

  /** Where the next value starts. */
  peekAt(): number {
    this.#space();
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
    const keys = new Keys();
    if (this.peek() === CLOSE_BRACE) return this.#leave(start);
    for (;;) {
      const key = this.#key(keys);
      this.#expect(COLON, '":"');
      member(key);
      if (this.peek() === CLOSE_BRACE) return this.#leave(start);
      this.#expect(COMMA, '"," or "}"');
      if (this.peek() !== QUOTE) throw this.#unexpected('a key');
    }
  }

  /** Reads an array; `element` is called for each element while the cursor stands before it. */
  array(element: () => void): Range {
    const start = this.#enter(OPEN_BRACKET, 'an array');
    if (this.peek() === CLOSE_BRACKET) return this.#leave(start);
    for (;;) {
      this.#space();
      element();
      if (this.peek() === CLOSE_BRACKET) return this.#leave(start);
      this.#expect(COMMA, '"," or "]"');
    }
  }

  /** Reads any value, and checks all of it. */
  skip(): Range {
    const first = this.peek();
    if (first === QUOTE) return this.#skipString();
    if (first === OPEN_BRACE) return this.object(this.#skipMember);
    if (first === OPEN_BRACKET) return this.array(this.#skipMember);
    if (first === 0x2d || isDigit(first)) return this.#number();
    return this.#literal(first);
  }

  /** Reads a string and decodes it. Half a surrogate pair is refused: two readers would not see the same text. */
  string(): string {
    const { start, end } = this.#skipString();
    return this.#decode(start, end);
  }

  /** Reads `null`; false, and reads the value all the same, where it is another. */
  skipNull(): boolean {
    const isNull = this.peek() === 0x6e;
    this.skip();
    return isNull;
  }

  /** Nothing but blanks may follow. */
  end(): void {
    if (this.peek() !== undefined) throw this.#unexpected('the end');
  }

  #decode(start: number, end: number): string {
    const { bytes } = this;
    let plain = true;
    for (let i = start + 1; plain && i < end - 1; i += 1) plain = (bytes[i] as number) < 0x80 && bytes[i] !== BACKSLASH;
    if (plain) return bytes.toString('latin1', start + 1, end - 1);
    const text: string = JSON.parse(bytes.toString('utf8', start, end));
    if (!text.isWellFormed()) throw new JsonFault('parse_error', `half a surrogate pair at byte ${start}`);
    return text;
  }

  #key(keys: Keys): string {
    this.#keys += 1;
    if (this.#keys > this.#limits.keys) throw new JsonFault('too_complex', `at most ${this.#limits.keys} keys`);
    const key = this.string();
    if (this.#limits.unique && !keys.add(key)) throw new JsonFault('duplicate_key', key);
    return key;
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

  #space(): void {
    let byte = this.bytes[this.at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      this.at += 1;
      byte = this.bytes[this.at];
    }
  }

  #expect(byte: number, what: string): void {
    if (this.peek() !== byte) throw this.#unexpected(what);
    this.at += 1;
  }

  #skipString(): Range {
    if (this.peek() !== QUOTE) throw this.#unexpected('a string');
    const { bytes } = this;
    const start = this.at;
    for (let i = start + 1; ; ) {
      while (STRING_STOP[bytes[i] as number] === 0) i += 1;
      this.at = i;
      if (bytes[i] === QUOTE) break;
      if (bytes[i] !== BACKSLASH) throw this.#unexpected('no bare control character in a string');
      i = this.#escape(i + 1);
    }
    this.at += 1;
    return { start, end: this.at };
  }

  /** The byte after the escape whose letter stands at `i`. */
  #escape(i: number): number {
    const { bytes } = this;
    if (ESCAPES.has(bytes[i] as number)) return i + 1;
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

  #literal(first: number | undefined): Range {
    const start = this.at;
    const word = LITERALS.get(first ?? 0);
    if (!word?.equals(this.bytes.subarray(start, start + word.length))) throw this.#unexpected('a value');
    this.at += word.length;
    return { start, end: this.at };
  }

  #unexpected(what: string): JsonFault {
    const where = this.at >= this.bytes.length ? 'the text ends' : `byte ${this.at}`;
    return new JsonFault('parse_error', `expected ${what}, but ${where}${where.startsWith('byte') ? ' is not' : ''}`);
  }
}
