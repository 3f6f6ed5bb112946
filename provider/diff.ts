/**
 * What an update would change, property by property, as the engine shows it. Pure.
 * It compares inputs with inputs only; whether a change means a replacement, the kind says.
 */
import { type Properties, unknown } from './wire.ts';

export type Change = 'add' | 'delete' | 'update';

export interface Difference {
  /** Pulumi property path: `files[0].content`, `env["a.b"]`. */
  readonly path: string;
  readonly change: Change;
  readonly replaces: boolean;
}

/** An unknown new value counts as changed: it may be. Absent, null and undefined are equal. */
export function differences(olds: Properties, news: Properties, replaceOn: readonly string[] = []): Difference[] {
  return keysOf(olds, news).flatMap((key) =>
    compare(step('', key), olds[key], news[key]).map((found) => ({ ...found, replaces: replaceOn.includes(key) })),
  );
}

type Found = Pick<Difference, 'path' | 'change'>;

function compare(path: string, before: unknown, after: unknown): Found[] {
  if (isAbsent(before)) return isAbsent(after) ? [] : [{ path, change: 'add' }];
  if (isAbsent(after)) return [{ path, change: 'delete' }];
  if (after === unknown) return [{ path, change: 'update' }];
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(path, before, after);
  if (isRecord(before) && isRecord(after)) {
    return keysOf(before, after).flatMap((key) => compare(step(path, key), before[key], after[key]));
  }
  return Object.is(before, after) ? [] : [{ path, change: 'update' }];
}

function compareLists(path: string, before: readonly unknown[], after: readonly unknown[]): Found[] {
  const length = Math.max(before.length, after.length);
  return Array.from({ length }, (_, at) => compare(`${path}[${at}]`, before[at], after[at])).flat();
}

const keysOf = (left: object, right: object): string[] =>
  [...new Set([...Object.keys(left), ...Object.keys(right)])].sort();

function step(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null;
const isRecord = (value: unknown): value is Properties =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
