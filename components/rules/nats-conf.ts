/** Reads the configuration language of nats-server as far as rules need it: maps, lists, strings, bare words, comments. */

export type NatsValue = string | readonly NatsValue[] | NatsMap;
export interface NatsMap {
  /** Keys in lower case, as the server reads them. */
  readonly [key: string]: NatsValue;
}

/** Undefined for what is no such text, and for an `include`, whose file is not here. */
export function readNatsConf(text: string): NatsMap | undefined {
  const reader = new Reader(text);
  const map = reader.map(undefined);
  return map === undefined || reader.failed || 'include' in map ? undefined : map;
}

/** nats-server's own maps are four deep at most. */
const deepest = 50;

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  failed = false;

  constructor(text: string) {
    this.#text = text;
  }

  /** Up to `end`, or to the end of the text. */
  map(end: '}' | undefined): NatsMap | undefined {
    const found: Record<string, NatsValue> = {};
    for (;;) {
      this.#take(/(?:[\s,;]|#.*|\/\/.*)*/y);
      if (this.#at >= this.#text.length) return end === undefined ? found : this.#fail();
      if (end !== undefined && this.#take(/\}/y) !== undefined) return found;
      const key = this.#quoted() ?? this.#take(/[^\s:={}[\]"',;#]+/y);
      if (key === undefined) return this.#fail();
      this.#take(/[^\S\n]*[:=]?\s*/y);
      const value = this.#value();
      if (value === undefined) return this.#fail();
      found[key.toLowerCase()] = value;
    }
  }

  #value(): NatsValue | undefined {
    if (this.#take(/\{/y) !== undefined) return this.#within(() => this.map('}'));
    if (this.#take(/\[/y) !== undefined) return this.#within(() => this.#list());
    return this.#quoted() ?? this.#take(/[^\s,;{}[\]#]+(?:[^\S\n]+(?!\/\/)[^\s,;{}[\]#]+)*/y);
  }

  #within<Value>(read: () => Value): Value | undefined {
    if (this.#depth === deepest) return this.#fail();
    this.#depth += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #list(): readonly NatsValue[] | undefined {
    const found: NatsValue[] = [];
    for (;;) {
      this.#take(/(?:[\s,;]|#.*|\/\/.*)*/y);
      if (this.#take(/\]/y) !== undefined) return found;
      const value = this.#value();
      if (value === undefined) return this.#fail();
      found.push(value);
    }
  }

  #quoted(): string | undefined {
    return this.#take(/"(?:\\.|[^"\\])*"|'[^']*'/y)?.slice(1, -1);
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #fail(): undefined {
    this.failed = true;
    return undefined;
  }
}
