/**
 * Numbers that look random and are the same for the same key, on every machine: the examples answer like real systems,
 * yet a test can compare two answers. FNV-1a of the key seeds mulberry32. Not for anything secret.
 */

/** Draws whole numbers from 0 (included) to `bound` (excluded). */
export type Draw = (bound: number) => number;

/** A new sequence for `key`. */
export function drawFor(key: string): Draw {
  let state = fnv1a(key);
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

/** One of `choices`. */
export const pick = <T>(draw: Draw, choices: readonly [T, ...T[]]): T => choices[draw(choices.length)] ?? choices[0];

/** An id of eight hex digits that stands for `key`. */
export const idOf = (key: string): string => fnv1a(key).toString(16).padStart(8, '0');

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
