/**
 * What the registry holds, in the words of the program: pure. A property that means the same stays as it was written, so
 * that a refresh shows drift and nothing else.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Properties } from '../wire.ts';

/**
 * @param written The body as the program wrote it. @param view The registry's answer. @param keys Properties of a body.
 * @param defaults What the registry fills in where the program wrote nothing.
 */
export function asWritten(
  written: Properties,
  view: Properties,
  keys: readonly string[],
  defaults: Properties = {},
): Properties {
  const entries = keys.map((key) => [key, meant(written[key], view[key], defaults[key])]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function meant(written: unknown, actual: unknown, byDefault: unknown): unknown {
  if (isSame(written, actual)) return written;
  if (isNothing(written) && isSame(actual, byDefault)) return written;
  return isNothing(actual) ? undefined : actual;
}

const isSame = (left: unknown, right: unknown): boolean =>
  (isNothing(left) && isNothing(right)) || isDeepStrictEqual(left, right);

/** Absent, null, false and an empty list say the same in every body of the API. */
const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);
