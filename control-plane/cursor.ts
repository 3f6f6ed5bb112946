/**
 * The pages of lists, and their opaque cursors: base64url of a JSON array. Opaque to callers, checked by us: a cursor that we did not write is a 400,
 * never a query.
 */
import { z } from 'zod';
import { problem } from './problem.ts';

const LIMIT = 'expected a whole number from 1 to 500';

/** Query parameters of every list. */
export const paging = (limit: number) => ({
  limit: z.coerce
    .number(LIMIT)
    .pipe(z.int(LIMIT).min(1, LIMIT).max(500, LIMIT))
    .default(limit)
    .describe('Entries a page.'),
  cursor: z.string().max(1_000).optional().describe('`next` of the page before.'),
});

export const writeCursor = (position: readonly unknown[]): string =>
  Buffer.from(JSON.stringify(position)).toString('base64url');

/** Throws Problem `invalid_parameter`. */
export function readCursor<T extends z.ZodType>(form: T, text: string): z.output<T> {
  const read = form.safeParse(parseJson(Buffer.from(text, 'base64url').toString('utf8')));
  if (!read.success)
    throw problem('invalid_parameter', 'cursor: expected the "next" of an earlier answer, unchanged.', {
      path: 'cursor',
    });
  return read.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Cuts the one row more that was asked for, and says where the next page starts. Absent `next`: this was the last. */
export function pageOf<T>(rows: readonly T[], limit: number, position: (row: T) => readonly unknown[]): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return rows.length > limit && last !== undefined ? { items, next: writeCursor(position(last)) } : { items };
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}
