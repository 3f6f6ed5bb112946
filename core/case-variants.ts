/**
 * Keys that differ by case alone. Some JSON readers, Go's encoding/json among them, take such a key for the same member, so it could hide
 * another tool behind the one that was checked.
 */

/** Upper, then lower case: U+017F and s, U+212A and k fold together in Unicode, and so they do here. */
export const fold = (key: string): string => key.toUpperCase().toLowerCase();

/** Tells our spelling of a key that differs from it by case alone; undefined for any other key, ours included. */
export function caseVariants(ours: readonly string[]): (key: string) => string | undefined {
  const exact = new Set(ours);
  const folded = new Map(ours.map((key) => [fold(key), key]));
  const lengths = new Set(ours.map((key) => key.length));
  return (key) => (lengths.has(key.length) && !exact.has(key) ? folded.get(fold(key)) : undefined);
}
