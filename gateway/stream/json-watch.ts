/**
 * Watches a JSON answer that nobody expected to be a list while it streams past, and cuts it off the moment it turns out to be one:
 * an array under `tools`, `prompts`, `resources` or `resourceTemplates` of the top-level `result`.
 * Handles that are members of the result are replaced as they pass, where it is told with what. All other bytes go on untouched and unbuffered; it keeps
 * where it stands, and at most one short key or one handle. Lists that are expected are filtered instead.
 * Invariant: the chunk with the bracket that opens such an array never goes on; what only a lenient reader would read (comments, other
 * case, a second text, an array of messages) is cut off too.
 */
import { fold, LIST_KEYS, RESULT_HANDLES, type Refusal, type ReplaceHandle, refuse } from '@portolan/core';
import { HeldBytes } from './held-bytes.ts';
import type { ChunkFilter } from './step-through.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Longest key that matters, every character of it escaped as \uXXXX: 6 × `resourceTemplates`. */
const MAX_KEY_BYTES = 102;
const LISTS = new Set(LIST_KEYS.map(fold));

/** Keys of a result's members that are handles, folded. */
const HANDLES = new Map([...RESULT_HANDLES].map(([key, kind]) => [fold(key), kind]));
/** Longest handle that is held. */
const MAX_HANDLE_BYTES = 1_048_576;

const PLAIN = 1;
const STRUCTURE = 2;
/** What a byte means outside strings: parts of numbers, words and blanks are plain; what has no meaning there is 0. */
const MEANING = new Uint8Array(256);
for (const byte of Buffer.from(' \t\r\n+-.0123456789eEtrufalsn')) MEANING[byte] = PLAIN;
for (const byte of Buffer.from('{}[]:,"')) MEANING[byte] = STRUCTURE;
/** Inside strings all is plain but what ends them, or takes the end's meaning away. */
const IN_STRING = new Uint8Array(256).fill(PLAIN);
for (const byte of [QUOTE, BACKSLASH]) IN_STRING[byte] = STRUCTURE;

/** Where the watcher stands; only keys of the message and of its `result` are read. */
export class JsonWatch implements ChunkFilter {
  #depth = 0;
  /** The text has begun. */
  #begun = false;
  #inString = false;
  #escaped = false;
  /** The object at this depth expects a key; meaningful where keys are read. */
  #expectsKey = false;
  #inResult = false;
  /** Raw bytes of the key being read; undefined outside a key, and where it is too long to matter. */
  #raw: number[] | undefined;
  #key = '';
  readonly #replace: ReplaceHandle | undefined;
  /** Kind of the handle being read; its bytes so far, quotes included, are held. */
  #handle: Parameters<ReplaceHandle>[0] | undefined;
  readonly #held = new HeldBytes();
  /** What of the chunk goes on, up to where it stands in the chunk. */
  #out: Buffer[] = [];
  #outTo = 0;

  constructor(replace?: ReplaceHandle) {
    this.#replace = replace;
  }

  /** The chunk, but for handles. Throws `upstream_invalid` where it must not go on. */
  take(chunk: Buffer): readonly Buffer[] {
    this.#out = [];
    this.#outTo = 0;
    const fault = this.#watch(chunk);
    if (fault !== undefined) throw invalid(fault);
    const rest = chunk.subarray(this.#outTo);
    if (this.#handle !== undefined) this.#hold(rest);
    else if (rest.length > 0) this.#out.push(rest);
    return this.#out;
  }

  /** A text that breaks off is the reader's to refuse: nothing in it was a list, and half a handle does not go on. */
  end(): readonly Buffer[] {
    return [];
  }

  #hold(bytes: Buffer): void {
    this.#held.add(bytes);
    if (this.#held.size > MAX_HANDLE_BYTES) throw invalid(`a handle of at most ${MAX_HANDLE_BYTES} bytes`);
  }

  /** The string that opens at `at` is a handle. */
  #beginHandle(chunk: Buffer, at: number): void {
    if (at > this.#outTo) this.#out.push(chunk.subarray(this.#outTo, at));
    this.#outTo = at;
  }

  /** It closes before `end`. */
  #endHandle(chunk: Buffer, end: number): void {
    if (this.#handle === undefined || !this.#replace) return;
    this.#hold(chunk.subarray(this.#outTo, end));
    const handle = parsed(this.#held.take());
    if (handle === undefined) throw invalid('JSON');
    this.#out.push(Buffer.from(JSON.stringify(this.#replace(this.#handle, handle))));
    this.#outTo = end;
    this.#handle = undefined;
  }

  #watch(chunk: Buffer): string | undefined {
    for (let at = 0; at < chunk.length; ) {
      if (this.#inString) {
        at = this.#string(chunk, at);
        continue;
      }
      while (MEANING[chunk[at] as number] === PLAIN) at += 1;
      const byte = chunk[at];
      const fault = byte === undefined ? undefined : this.#outside(byte);
      if (fault !== undefined) return fault;
      if (this.#handle !== undefined) this.#beginHandle(chunk, at);
      at += 1;
    }
    return undefined;
  }

  /** Reads on in a string; where the next byte outside it stands. */
  #string(chunk: Buffer, from: number): number {
    let at = from;
    for (; at < chunk.length; at += 1) {
      if (!this.#raw && !this.#escaped) while (IN_STRING[chunk[at] as number] === PLAIN) at += 1;
      const byte = chunk[at];
      if (byte === undefined) break;
      if (this.#escaped) this.#escaped = false;
      else if (byte === QUOTE) {
        this.#inString = false;
        this.#endKey();
        this.#endHandle(chunk, at + 1);
        return at + 1;
      } else if (byte === BACKSLASH) this.#escaped = true;
      if (this.#raw && this.#raw.push(byte) > MAX_KEY_BYTES) this.#raw = undefined;
    }
    return at;
  }

  #readsKeys(): boolean {
    return this.#depth === 1 || (this.#depth === 2 && this.#inResult);
  }

  /** Takes one byte outside strings; what was expected instead, where it must not go on. */
  #outside(byte: number): string | undefined {
    if (MEANING[byte] === 0) return 'JSON';
    switch (byte) {
      case QUOTE:
        return this.#openString();
      case 0x7b:
        return this.#openObject();
      case 0x5b:
        return this.#openArray();
      case 0x7d:
      case 0x5d:
        return this.#close();
      case 0x2c:
        this.#expectsKey = true;
        break;
      case 0x3a:
        this.#expectsKey = false;
    }
    return this.#depth === 0 ? 'one JSON object' : undefined;
  }

  #openString(): string | undefined {
    if (this.#depth === 0) return 'one JSON object';
    this.#inString = true;
    if (this.#expectsKey && this.#readsKeys()) {
      this.#raw = [];
      this.#key = '';
    } else if (this.#replace && this.#depth === 2 && this.#inResult) this.#handle = HANDLES.get(this.#key);
    return undefined;
  }

  #endKey(): void {
    if (this.#raw) this.#key = fold(decoded(this.#raw));
    this.#raw = undefined;
  }

  #openObject(): string | undefined {
    if (this.#depth === 0 && this.#begun) return 'one JSON object';
    this.#inResult = this.#depth === 1 ? this.#key === 'result' : this.#inResult;
    this.#begun = true;
    this.#depth += 1;
    this.#expectsKey = true;
    return undefined;
  }

  #openArray(): string | undefined {
    if (this.#depth === 0) return 'one JSON object';
    if (this.#depth === 1) this.#inResult = false;
    if (this.#depth === 2 && this.#inResult && LISTS.has(this.#key)) return 'no list in the answer to this method';
    this.#depth += 1;
    return undefined;
  }

  #close(): string | undefined {
    if (this.#depth === 0) return 'one JSON object';
    this.#depth -= 1;
    return undefined;
  }
}

const invalid = (expected: string): Refusal => refuse('upstream_invalid', { expected });

/** A key's text; empty where its escapes are broken, as then no reader takes it for ours. */
function decoded(raw: readonly number[]): string {
  const text = Buffer.from(raw).toString();
  return text.includes('\\') ? (parsed(`"${text}"`) ?? '') : text;
}

/** The text of a JSON string; undefined for one that is broken. */
function parsed(quoted: string | Buffer): string | undefined {
  try {
    return String(JSON.parse(quoted.toString()));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
