/**
 * Takes out of a list answer what the caller may not use, by the same predicate that calls obey. An answer is a list by what it is, not by
 * what was asked: a JSON-RPC result with an array `tools`, `prompts`, `resources` or `resourceTemplates`.
 * Works on ranges of the original bytes: an element that stays, stays byte for byte. Of tools or prompts of one name the first stays: clients key
 * them by name, so a second one would be shown to one reader and called by another. Which answers come here is the caller's business.
 * Invariant: no element that the predicate refuses is in the bytes that come out, for any reader; what cannot be read comes out not at all.
 */
import { AnswerHandles, type ReplaceHandle } from './answer-handles.ts';
import { caseVariants } from './case-variants.ts';
import type { CompiledGrants } from './grants.ts';
import { JsonCursor, JsonFault, type Range } from './json-cursor.ts';
import { stringOrSkip } from './scan-params.ts';

interface Found {
  /** Where the value of the message's `id` stands; undefined where it has none, or two. */
  readonly id: Range | undefined;
  /** Of a page of a list in which nothing is left: the `nextCursor` that leads on, as it stands, quotes included. */
  readonly onward: Range | undefined;
}
export type Filtered =
  /** No list, or nothing to take out of it: pass the original bytes on. */
  | (Found & { readonly kind: 'unchanged' })
  | (Found & {
      readonly kind: 'filtered';
      readonly bytes: Buffer;
      /** Where the id begins in `bytes`. */
      readonly idAt: number | undefined;
      /** A handle has been replaced: the bytes are for this caller alone. */
      readonly personal: boolean;
    })
  /** Not one JSON object, or keys that two readers could read differently: `upstream_invalid`. */
  | { readonly kind: 'unreadable' };

type NameKey = 'name' | 'uri' | 'uriTemplate';
type Shown = (name: string) => boolean;
type Cut = Range & { readonly instead: readonly Buffer[] };

/** What the result of a message is, as far as it is read. */
interface Page {
  isList: boolean;
  /** Elements that are left, of all its lists. */
  left: number;
  nextCursor: Range | undefined;
  readonly cuts: Cut[];
}

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
/** Wherever there is a list, one of these keys is. */
export const LIST_KEYS: readonly string[] = [...LISTS.keys()];

interface Ours {
  readonly keys: ReadonlySet<string>;
  readonly variant: (key: string) => string | undefined;
}
const deciding = (...keys: string[]): Ours => ({ keys: new Set(keys), variant: caseVariants(keys) });
const IN_MESSAGE = deciding('result');
const IN_RESULT = deciding(...LISTS.keys());
/** These decide only in a list. */
const IN_LIST = deciding('nextCursor', 'cacheScope', 'ttlMs');
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

/** Reads one element; its name where it has one of its kind. Without one it is refused: nobody can say what it is. */
function nameOf(cursor: JsonCursor, nameKey: NameKey): string | undefined {
  if (!cursor.atObject) {
    cursor.skip();
    return undefined;
  }
  const once = new Once(IN_ELEMENT[nameKey]);
  let name: string | undefined;
  cursor.object((key) => {
    if (once.meets(key)) name = stringOrSkip(cursor);
    else cursor.skip();
  });
  return name;
}

/** A URI may be listed under two names, a tool or a prompt only once. */
function firstOfItsName(shown: Shown): Shown {
  const seen = new Set<string>();
  return (name) => {
    if (!shown(name) || seen.has(name)) return false;
    seen.add(name);
    return true;
  };
}

/** Reads an array, and adds a cut of its inside where an element goes. Neighbours that stay, stay as one piece. */
function filterArray(cursor: JsonCursor, nameKey: NameKey, shown: Shown, page: Page): void {
  const stays = nameKey === 'name' ? firstOfItsName(shown) : shown;
  const runs: { start: number; end: number }[] = [];
  let before: { start: number; end: number } | undefined;
  let gone = 0;
  const range = cursor.array(() => {
    const start = cursor.at;
    const name = nameOf(cursor, nameKey);
    if (name === undefined || !stays(name)) {
      gone += 1;
      before = undefined;
      return;
    }
    page.left += 1;
    if (before) before.end = cursor.at;
    else {
      before = { start, end: cursor.at };
      runs.push(before);
    }
  });
  if (gone === 0) return;
  const kept = runs.map((run) => cursor.bytes.subarray(run.start, run.end));
  page.cuts.push({ start: range.start + 1, end: range.end - 1, instead: joined(kept) });
}

const joined = (pieces: readonly Buffer[]): readonly Buffer[] =>
  pieces.flatMap((piece, i) => (i === 0 ? [piece] : [COMMA, piece]));

/** Caching (SEP-2549): what a list of one principal may say at most. Other values than these are left alone. */
function capCaching(cursor: JsonCursor, key: string): Cut | undefined {
  const range = cursor.skip();
  const text = cursor.bytes.toString('latin1', range.start, range.end);
  if (key === 'cacheScope') return text === '"private"' ? undefined : { ...range, instead: [Buffer.from('"private"')] };
  return Number(text) > MAX_TTL_MS ? { ...range, instead: [Buffer.from(String(MAX_TTL_MS))] } : undefined;
}

function readMember(cursor: JsonCursor, key: string, page: Page, shown: (list: string) => Shown): void {
  const nameKey = LISTS.get(key);
  if (nameKey !== undefined) {
    if (!cursor.atArray) return void cursor.skip();
    page.isList = true;
    filterArray(cursor, nameKey, shown(key), page);
  } else if (key === 'nextCursor') {
    const isString = cursor.atString;
    const range = cursor.skip();
    if (isString && range.end - range.start > 2) page.nextCursor = range;
  } else {
    const cut = capCaching(cursor, key);
    if (cut) page.cuts.push(cut);
  }
}

function readResult(cursor: JsonCursor, shown: (list: string) => Shown, handles: AnswerHandles | undefined): Page {
  const page: Page = { isList: false, left: 0, nextCursor: undefined, cuts: [] };
  const once = new Once(IN_RESULT);
  const scalars: string[] = [];
  cursor.object((key) => {
    if (IN_LIST.keys.has(key) || IN_LIST.variant(key) !== undefined) scalars.push(key);
    if (once.meets(key) || IN_LIST.keys.has(key)) readMember(cursor, key, page, shown);
    else if (handles) handles.resultMember(key);
    else cursor.skip();
  });
  if (page.isList) {
    const inList = new Once(IN_LIST);
    for (const key of scalars) inList.meets(key);
  }
  return page;
}

function apply(bytes: Buffer, cuts: readonly Cut[]): Buffer {
  const parts = cuts.flatMap((cut, i) => [bytes.subarray(cuts[i - 1]?.end ?? 0, cut.start), ...cut.instead]);
  return Buffer.concat([...parts, bytes.subarray(cuts.at(-1)?.end ?? 0)]);
}

/** What has been found, in the order of the bytes. */
function allCuts(lists: readonly Cut[], handles: AnswerHandles | undefined, replace: ReplaceHandle | undefined) {
  if (!handles || !replace) return lists;
  const cuts = [...lists];
  for (const { start, end, kind, value } of handles.found()) {
    cuts.push({ start, end, instead: [Buffer.from(JSON.stringify(replace(kind, value)))] });
  }
  return cuts.sort((a, b) => a.start - b.start);
}

/**
 * Filters one JSON-RPC message from an upstream. Templates are judged by the text of their `uriTemplate` against the resource grants: shown
 * where a grant covers every URI that it can make by prefix, as `docs://*` covers `docs://{id}`. `ui://` resources count as resources.
 * A list also becomes `cacheScope: "private"` and `ttlMs` at most 60 000, where it has these members.
 * With `replace`, its handles are replaced in the same pass (answer-handles.ts).
 */
export function filterAnswer(json: Buffer, grants: CompiledGrants, server: string, replace?: ReplaceHandle): Filtered {
  try {
    const cursor = new JsonCursor(json, LIMITS);
    const handles = replace && new AnswerHandles(cursor);
    const once = new Once(IN_MESSAGE);
    const ids: Range[] = [];
    let page: Page | undefined;
    cursor.object((key) => {
      if (once.meets(key) && cursor.atObject)
        page = readResult(cursor, (list) => shownIn(list, grants, server), handles);
      else if (key === 'id') ids.push(cursor.skip());
      else if (handles) handles.member(key);
      else cursor.skip();
    });
    cursor.end();
    const list = page?.isList ? page : undefined;
    return outcome(json, list, allCuts(list?.cuts ?? [], handles, replace), ids.length === 1 ? ids[0] : undefined);
  } catch (error) {
    if (error instanceof JsonFault) return { kind: 'unreadable' };
    throw error;
  }
}

function outcome(json: Buffer, page: Page | undefined, cuts: readonly Cut[], id: Range | undefined): Filtered {
  const onward = page?.left === 0 ? page.nextCursor : undefined;
  if (cuts.length === 0) return { kind: 'unchanged', id, onward };
  const bytes = apply(json, cuts);
  // all cuts of a response are in its result, so the id stands before them all or behind
  const moved = id && id.start > (cuts[0]?.start ?? 0) ? bytes.length - json.length : 0;
  const personal = cuts.length > (page?.cuts.length ?? 0);
  return { kind: 'filtered', bytes, id, idAt: id && id.start + moved, personal, onward };
}
