/**
 * Audit records as JSON that PostgreSQL takes and can index, whatever texts are in them. Pure.
 * Gateways cut what callers choose; this is for those of another version, and for those that are not honest.
 */
import type { SpooledRecord } from '@portolan/core';

/** Characters (UTF-16). An index row has room for 2704 bytes: a text of this length and a `request_id` fit, at three bytes a character. */
const LONGEST = 255;
/** What callers choose, and no index holds whole. */
const LONGEST_CHOSEN = 512;
const CHOSEN: ReadonlySet<string> = new Set(['method', 'tool']);

export const storable = (records: readonly SpooledRecord[]): string =>
  JSON.stringify(
    records.map(({ epoch, seq, record }) => ({ epoch, seq, ...record })),
    (key, value: unknown) =>
      typeof value === 'string' ? text(value, CHOSEN.has(key) ? LONGEST_CHOSEN : LONGEST) : value,
  );

/** Cut where it is too long; PostgreSQL refuses NUL and halves of surrogate pairs, which a caller's tool name may well hold. */
const text = (value: string, longest: number): string =>
  (value.length <= longest ? value : `${value.slice(0, longest - 1)}…`).toWellFormed().replaceAll('\0', '\uFFFD');
