/**
 * A zod issue as a sentence for the person who wrote the value: where, what was expected, what was given.
 * Used by the provider's Check, the components and the stack settings, so that all speak alike.
 */
import type { z } from 'zod';

/** @param owner Whose property it is: `GatewayPlane(aws)`. @param value The whole value that was parsed. */
export function explain(owner: string, issue: z.core.$ZodIssue, value: unknown): string {
  const given = valueAt(value, issue.path);
  const shown = issue.code === 'unrecognized_keys' || typeof given === 'object' ? '' : `; got ${show(given)}`;
  return `${[owner, pathText(issue.path)].filter((part) => part !== '').join('.')}: ${expectation(issue)}${shown}.`;
}

/** `listen[0].port` */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    return typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined;
  }, value);
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `expected ${issue.expected}`;
  if (issue.code === 'unrecognized_keys') return `there is no ${issue.keys.map(show).join(', ')} here; remove it`;
  if (issue.code === 'invalid_value') return `expected ${issue.values.map(show).join(' or ')}`;
  if (issue.code === 'too_small') return `expected at least ${issue.minimum} ${measure(issue.origin)}`.trimEnd();
  if (issue.code === 'too_big') return `expected at most ${issue.maximum} ${measure(issue.origin)}`.trimEnd();
  if (issue.code === 'invalid_format' && issue.format === 'url') return 'expected a URL such as https://host.example';
  if (issue.code === 'invalid_format' && issue.message.startsWith('Invalid')) return `expected a valid ${issue.format}`;
  return issue.message;
}

const measure = (origin: string): string => ({ string: 'characters', array: 'items' })[origin] ?? '';

/** As a person recognises it: cut to 80 characters, no password. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'string' ? JSON.stringify(withoutPassword(value)) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** A URL that is refused for holding a password must not spread it. */
const withoutPassword = (text: string): string =>
  text.replace(/\/\/[^/@]*@/, '//***@').replace(/(password=)[^&]*/gi, '$1***');
