/**
 * Takes out of a list answer what the caller may not use, by the same predicate that calls obey. An answer is a list by what it is, not by
 * what was asked: a JSON-RPC result with an array `tools`, `prompts`, `resources` or `resourceTemplates`.
 * Works on ranges of the original bytes: an element that stays, stays byte for byte. Which answers come here is the caller's business.
 * Invariant: no element that the predicate refuses is in the bytes that come out, for any reader; what cannot be read comes out not at all.
 */
import { caseVariants } from './case-variants.ts';
import type { CompiledGrants } from './grants.ts';
import { JsonCursor, JsonFault, type Range } from './json-cursor.ts';
import { stringOrSkip } from './scan-params.ts';

export type Filtered =
  /** No list, or nothing to take out of it: pass the original bytes on. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'filtered'; readonly bytes: Buffer }
  /** Not one JSON object, or keys that two readers could read differently: `upstream_invalid`. */
  | { readonly kind: 'unreadable' };

type NameKey = 'name' | 'uri' | 'uriTemplate';
type Shown = (name: string) => boolean;
type Cut = Range & { readonly instead: readonly Buffer[] };

/** Answers may be large, but nobody nests them without end. Duplicate keys are looked for where they decide. */
const LIMITS = { depth: 256, keys: 2_000_000, unique: false } as const;
/** A list depends on who asks, so a shared cache must not keep it, and a revoked grant must not live on in it. */
const MAX_TTL_MS = 60_000;

const COMMA = Buffer.from(',');

// table: members of a result that make it a list, and the member of an element that names it
const LISTS: ReadonlyMap<string, NameKey> = new Map([
  ['tools', 'name'],
  ['prompts', 'name'],
  ['resources', 'uri'],
  ['resourceTemplates', 'uriTemplate'],
]);

interface Ours {
  readonly keys: ReadonlySet<string>;
  readonly variant: (key: string) => string | undefined;
}
const deciding = (...keys: string[]): Ours => ({ keys: new Set(keys), variant: caseVariants(keys) });
const IN_MESSAGE = deciding('result');
const IN_RESULT = deciding(...LISTS.keys(), 'cacheScope', 'ttlMs');
const IN_ELEMENT = { name: deciding('name'), uri: deciding('uri'), uriTemplate: deciding('uriTemplate') } as const;

/** May an element of this name be seen in the list `key`? */
function shownIn(key: string, grants: CompiledGrants, server: string): Shown {
  if (key === 'tools') return (name) => grants.mayCall(server, name);
  if (key === 'prompts') return (name) => grants.mayGet(server, name);
  return (uri) => grants.mayRead(server, uri);
}

/** Keys of one object that decide; a second one, or one in other case, makes the answer unreadable. */
class Once {
  readonly #ours: Ours;
  readonly #seen: string[] = [];

  constructor(ours: Ours) {
    this.#ours = ours;
  }

  /** Is the key one of ours? */
  meets(key: string): boolean {
    if (this.#ours.variant(key) !== undefined) throw new JsonFault('duplicate_key', key);
    if (!this.#ours.keys.has(key)) return false;
    if (this.#seen.includes(key)) throw new JsonFault('duplicate_key', key);
    this.#seen.push(key);
    return true;
  }
}

/** Reads one element; true where it stays. One without a name of its kind is refused: nobody can say what it is. */
function stays(cursor: JsonCursor, nameKey: NameKey, shown: Shown): boolean {
  if (!cursor.atObject) {
    cursor.skip();
    return false;
  }
  const once = new Once(IN_ELEMENT[nameKey]);
  let name: string | undefined;
  cursor.object((key) => {
    if (once.meets(key)) name = stringOrSkip(cursor);
    else cursor.skip();
  });
  return name !== undefined && shown(name);
}

const joined = (elements: readonly Buffer[]): readonly Buffer[] =>
  elements.flatMap((element, i) => (i === 0 ? [element] : [COMMA, element]));

/** Reads an array; a cut of its inside where an element goes. */
function filterArray(cursor: JsonCursor, nameKey: NameKey, shown: Shown): Cut | undefined {
  const kept: Buffer[] = [];
  let total = 0;
  const range = cursor.array(() => {
    const start = cursor.at;
    total += 1;
    if (stays(cursor, nameKey, shown)) kept.push(cursor.bytes.subarray(start, cursor.at));
  });
  return kept.length === total ? undefined : { start: range.start + 1, end: range.end - 1, instead: joined(kept) };
}

/** Caching (SEP-2549): what a list of one principal may say at most. Other values than these are left alone. */
function capCaching(cursor: JsonCursor, key: string): Cut | undefined {
  const range = cursor.skip();
  const text = cursor.bytes.toString('latin1', range.start, range.end);
  if (key === 'cacheScope') return text === '"private"' ? undefined : { ...range, instead: [Buffer.from('"private"')] };
  return Number(text) > MAX_TTL_MS ? { ...range, instead: [Buffer.from(String(MAX_TTL_MS))] } : undefined;
}

/** The cuts that one result needs; none where it is no list. */
function readResult(cursor: JsonCursor, shown: (key: string) => Shown): readonly Cut[] {
  const cuts: (Cut | undefined)[] = [];
  let isList = false;
  const once = new Once(IN_RESULT);
  cursor.object((key) => {
    if (!once.meets(key)) {
      cursor.skip();
      return;
    }
    const nameKey = LISTS.get(key);
    if (nameKey === undefined) {
      cuts.push(capCaching(cursor, key));
      return;
    }
    const isArray = cursor.atArray;
    isList ||= isArray;
    if (isArray) cuts.push(filterArray(cursor, nameKey, shown(key)));
    else cursor.skip();
  });
  return isList ? cuts.filter((cut) => cut !== undefined) : [];
}

function apply(bytes: Buffer, cuts: readonly Cut[]): Buffer {
  const parts = cuts.flatMap((cut, i) => [bytes.subarray(cuts[i - 1]?.end ?? 0, cut.start), ...cut.instead]);
  return Buffer.concat([...parts, bytes.subarray(cuts.at(-1)?.end ?? 0)]);
}

/**
 * Filters one JSON-RPC message from an upstream. Templates are judged by the text of their `uriTemplate` against the resource grants: shown
 * where a grant covers every URI that it can make by prefix, as `docs://*` covers `docs://{id}`. `ui://` resources count as resources.
 * A list also becomes `cacheScope: "private"` and `ttlMs` at most 60 000, where it has these members.
 */
export function filterAnswer(json: Buffer, grants: CompiledGrants, server: string): Filtered {
  try {
    const cursor = new JsonCursor(json, LIMITS);
    const once = new Once(IN_MESSAGE);
    let cuts: readonly Cut[] = [];
    cursor.object((key) => {
      if (once.meets(key) && cursor.atObject) cuts = readResult(cursor, (list) => shownIn(list, grants, server));
      else cursor.skip();
    });
    cursor.end();
    return cuts.length === 0 ? { kind: 'unchanged' } : { kind: 'filtered', bytes: apply(json, cuts) };
  } catch (error) {
    if (error instanceof JsonFault) return { kind: 'unreadable' };
    throw error;
  }
}
