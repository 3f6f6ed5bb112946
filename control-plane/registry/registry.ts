/**
 * Put, get, list and remove, the same for every kind. Each change is one transaction: checks, row, outbox, NOTIFY.
 * Invariant: the same body twice changes nothing: no row, no time stamp, no outbox entry.
 */
import { sql } from 'kysely';
import { z } from 'zod';
import { type Page, pageOf, readCursor } from '../cursor.ts';
import { change, changed } from '../db/index.ts';
import { problem } from '../problem.ts';
import type { Kind, KindTable, Listed, Named, Read, Write } from './kind.ts';

export interface Paging {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface Put<View> {
  readonly created: boolean;
  readonly view: View;
}

export async function put<Body, View>(db: Read, kind: Kind<Body, View>, name: string, body: Body): Promise<Put<View>> {
  return translated(kind, name, () =>
    change(db, async (trx) => {
      const revived = await kind.check(trx, name, body);
      const effect = await upsert(trx, kind.table, { name, ...kind.columns(body) });
      if (effect !== 'unchanged') await changed(trx, kind.change, name);
      return { created: revived || effect === 'created', view: await get(trx, kind, name) };
    }),
  );
}

/** Throws Problem `not_found`. */
export async function get<View>(db: Read, kind: Listed<View>, name: string): Promise<View & Named> {
  const [view] = await kind.views(db, { name });
  if (!view) throw problem('not_found', `${kind.noun} "${name}" does not exist.`);
  return view;
}

export async function list<View>(db: Read, kind: Listed<View>, paging: Paging): Promise<Page<View>> {
  const [after] = paging.cursor === undefined ? [''] : readCursor(z.tuple([z.string()]), paging.cursor);
  const views = await kind.views(db, { after, limit: paging.limit + 1 });
  return pageOf(views, paging.limit, (view) => [view.name]);
}

/** Throws Problem `not_found`, or `in_use` with the names of who refers to it. */
export async function remove(db: Read, kind: Listed<unknown>, name: string): Promise<void> {
  await translated(kind, name, () =>
    change(db, async (trx) => {
      await lock(trx, kind.table, name);
      const referrers = await kind.referrers(trx, name);
      if (referrers.length > 0) throw inUse(kind, name, referrers);
      if (!(await kind.remove(trx, name))) throw problem('not_found', `${kind.noun} "${name}" does not exist.`);
      await changed(trx, kind.change, name);
    }),
  );
}

const inUse = (kind: Listed<unknown>, name: string, referrers: readonly string[]) =>
  problem('in_use', `${kind.noun} "${name}" is referred to by ${named(referrers)}. Delete or change those first.`);

const SHOWN = 10;
const named = (all: readonly string[]): string =>
  all.length <= SHOWN ? all.join(', ') : `${all.slice(0, SHOWN).join(', ')} and ${all.length - SHOWN} more`;

type Effect = 'created' | 'updated' | 'unchanged';

/** One statement, so that two puts at once cannot both create. `xmax = 0` holds for a row that was inserted, not updated. */
async function upsert(trx: Write, table: KindTable, row: Readonly<Record<string, unknown>>): Promise<Effect> {
  const all = Object.keys(row);
  const own = all.filter((column) => column !== 'name');
  const refs = (prefix: string) => sql.join(own.map((column) => sql.ref(`${prefix}.${column}`)));
  const result = await sql<{ created: boolean }>`
    INSERT INTO ${sql.table(table)} (${sql.join(all.map((column) => sql.ref(column)))})
    VALUES (${sql.join(Object.values(row))})
    ON CONFLICT (name) DO UPDATE
    SET ${sql.join(own.map((column) => sql`${sql.ref(column)} = ${sql.ref(`excluded.${column}`)}`))}, updated_at = now()
    WHERE ROW(${refs(table)}) IS DISTINCT FROM ROW(${refs('excluded')})
    RETURNING (xmax = 0) AS created`.execute(trx);
  const [effect] = result.rows;
  if (!effect) return 'unchanged';
  return effect.created ? 'created' : 'updated';
}

/** Whoever wants to refer to the row waits until we have decided. */
async function lock(trx: Write, table: KindTable, name: string): Promise<void> {
  await sql`SELECT 1 FROM ${sql.table(table)} WHERE name = ${name} FOR UPDATE`.execute(trx);
}

/** What the checks let through because another transaction was at it at the same time, PostgreSQL refuses: said as a Problem, not as a 500. */
async function translated<T>(kind: Listed<unknown>, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const what = `${kind.noun} "${name}"`;
    if (code === '23503')
      throw problem(
        'conflict',
        `${what}: something that refers to it, or that it refers to, changed at the same time. Try again.`,
        { cause },
      );
    if (code === '40P01' || code === '40001')
      throw problem('conflict', `${what}: another change was in the way. Try again.`, { cause });
    if (code === '23505')
      throw problem('conflict', `${what}: something else took the same value at the same time. Try again.`, { cause });
    throw cause;
  }
}
