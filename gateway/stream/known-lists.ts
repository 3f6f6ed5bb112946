/**
 * Long lists that have been filtered already. Servers answer most list requests with the same bytes again, but for the id: then what was found out the
 * first time holds, for everyone whom the same rules let see the same. Comparing a megabyte costs a fiftieth of reading it.
 * Invariant: an answer is known only if it is, byte for byte but for the id that the caller gave, one that was filtered by the same rules; one with a
 * handle of its caller's in it is not remembered; what is has a bound in bytes.
 */
import type { CompiledGrants, Filtered } from '@portolan/core';

/** Shorter ones are filtered in less than a tenth of a millisecond. */
const SHORTEST = 16_384;
/** Of all that is remembered: lists, what became of them, and by which rules. */
const MAX_BYTES = 33_554_432;
/** Of one server and one set of rules: kinds of lists and their pages. */
const MAX_OF_ONE = 8;

interface Known {
  /** As the server sent it. */
  readonly json: Buffer;
  readonly idAt: number;
  readonly idLength: number;
  /** Undefined where nothing had to go. */
  readonly filtered: { readonly bytes: Buffer; readonly idAt: number } | undefined;
}

/** Who asks: his rules, the server, and the id of the request as it stands in it. */
export interface Asker {
  readonly grants: CompiledGrants;
  readonly server: string;
  readonly idBytes: string | undefined;
}

export class KnownLists {
  /** The least recently used first. */
  readonly #known = new Map<string, readonly Known[]>();
  #bytes = 0;

  /** What becomes of `json`, the answer to the request that was asked; undefined where it is not known. */
  find(json: Buffer, asker: Asker): Buffer | undefined {
    if (json.length < SHORTEST || asker.idBytes === undefined || this.#bytes === 0) return undefined;
    const key = keyOf(asker);
    const all = this.#known.get(key);
    if (!all) return undefined;
    const id = Buffer.from(asker.idBytes);
    const known = all.find((one) => isSame(json, one, id));
    if (!known) return undefined;
    this.#known.delete(key);
    this.#known.set(key, all);
    return known.filtered ? withId(known.filtered, known.idLength, id) : json;
  }

  /** `found`: what became of `json`, by the asker's rules. */
  keep(json: Buffer, found: Exclude<Filtered, { kind: 'unreadable' }>, asker: Asker): void {
    if (json.length < SHORTEST || !found.id || found.onward) return;
    if (found.kind === 'filtered' && found.personal) return;
    const filtered = found.kind === 'filtered' ? { bytes: found.bytes, idAt: found.idAt ?? 0 } : undefined;
    // a copy: the buffer that it came in may be a piece of a longer one
    const known = { json: Buffer.from(json), idAt: found.id.start, idLength: found.id.end - found.id.start, filtered };
    if (size(known) > MAX_BYTES / 4) return;
    const key = keyOf(asker);
    const before = this.#known.get(key) ?? [];
    this.#drop(key);
    const all = [known, ...before.slice(0, MAX_OF_ONE - 1)];
    this.#known.set(key, all);
    this.#bytes += total(key, all);
    for (const oldest of this.#known.keys()) {
      if (this.#bytes <= MAX_BYTES) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const all = this.#known.get(key);
    if (!all) return;
    this.#bytes -= total(key, all);
    this.#known.delete(key);
  }
}

/** Where the views are the same, so are the answers of the predicate. Made with the view, not for each list. */
const keyOf = ({ grants, server }: Asker): string => grants.view(server).key;

const size = ({ json, filtered }: Known): number => json.length + (filtered?.bytes.length ?? 0);
/** Of a key each character may take two bytes. */
const total = (key: string, all: readonly Known[]): number => all.reduce((sum, one) => sum + size(one), 2 * key.length);

function isSame(json: Buffer, { json: known, idAt, idLength }: Known, id: Buffer): boolean {
  const end = idAt + id.length;
  return (
    json.length - id.length === known.length - idLength &&
    json.compare(id, 0, id.length, idAt, end) === 0 &&
    json.compare(known, 0, idAt, 0, idAt) === 0 &&
    json.compare(known, idAt + idLength, known.length, end, json.length) === 0
  );
}

function withId({ bytes, idAt }: NonNullable<Known['filtered']>, idLength: number, id: Buffer): Buffer {
  if (idLength === id.length && bytes.compare(id, 0, id.length, idAt, idAt + idLength) === 0) return bytes;
  return Buffer.concat([bytes.subarray(0, idAt), id, bytes.subarray(idAt + idLength)]);
}
