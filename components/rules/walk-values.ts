/** Every string and every object inside a value, with where it stands. */
import { at, record } from './declared.ts';

interface Found {
  readonly path: string;
  readonly value: string | Readonly<Record<string, unknown>>;
}

/** No object of a program is this deep; text that says so is not followed to its end. */
const deepest = 100;

/** Strings that hold JSON are looked into; base64 that holds text is read too, as in `binaryData` and kubeconfigs. */
function* walkValues(value: unknown, path = '', depth = 0): Generator<Found> {
  if (depth > deepest) return;
  if (typeof value === 'string') {
    yield { path, value };
    yield* insideString(value, path, depth);
  } else if (Array.isArray(value)) {
    for (const [index, one] of value.entries()) yield* walkValues(one, `${path}[${index}]`, depth + 1);
  } else if (typeof value === 'object' && value !== null) {
    yield { path, value: record(value) };
    for (const key of Object.keys(value))
      yield* walkValues(at(value, key), path === '' ? shownKey(key) : `${path}.${shownKey(key)}`, depth + 1);
  }
}

/** A key may be a secret itself, put in the wrong place: one that is no name is not shown. */
function shownKey(key: string): string {
  return /^[\w./$-]{1,63}$/.test(key) && !key.startsWith('ptl_') ? key : '<key>';
}

function* insideString(value: string, path: string, depth: number): Generator<Found> {
  if (/^\s*[{[]/.test(value)) {
    const parsed = parsedJson(value);
    if (typeof parsed === 'object' && parsed !== null) yield* walkValues(parsed, path, depth + 1);
  }
  for (const [encoded] of value.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)) {
    const decoded = Buffer.from(encoded, 'base64').toString('latin1');
    if (/^[\t\n\r\x20-\x7e]+$/.test(decoded)) yield { path, value: decoded };
  }
}

function parsedJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/** Where matching strings stand, each place once. */
export function placesOf(value: unknown, matches: (found: Found['value']) => boolean): readonly string[] {
  const places = new Set<string>();
  for (const { path, value: one } of walkValues(value)) if (matches(one)) places.add(path);
  return [...places];
}
