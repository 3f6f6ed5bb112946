/**
 * What a kind of registry entry is: its words, its schemas, its table, its rules. registry.ts does the same four things with every kind.
 */
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import type { z } from 'zod';
import type { ChangeKind, Database } from '../db/index.ts';

type RowTable = 'users' | 'virtual_accounts' | 'grants';
export type KindTable = RowTable | 'gateways' | 'mcp_servers';
export type Read = Kysely<Database>;
export type Write = Transaction<Database>;

/** What reading and deleting need. */
export interface Listed<View> {
  /** As people say it: "MCP server". */
  readonly noun: string;
  /** As the path says it: `mcp-servers`. */
  readonly path: string;
  /** What deleting does, as a sentence. */
  readonly removal: string;
  readonly change: ChangeKind;
  readonly table: KindTable;
  readonly name: z.ZodType<string>;
  readonly view: z.ZodType<View>;
  /** Views in order of name: of one name, or of the page behind a name. */
  views(db: Read, which: Which): Promise<readonly (View & Named)[]>;
  /** Who refers to it, as `grant "a"`; while there are any it cannot be deleted. */
  referrers(trx: Write, name: string): Promise<readonly string[]>;
  /** Deletes the row and what dies with it. False: it was not there. */
  remove(trx: Write, name: string): Promise<boolean>;
}

/** What writing needs besides. */
export interface Kind<Body, View> extends Listed<View> {
  readonly body: z.ZodType<Body>;
  /** The columns that a body sets, all of them. */
  columns(body: Body): Readonly<Record<string, unknown>>;
  /**
   * References and rules; throws Problem. Locks what must not vanish until commit.
   * Answers true when the name was there, but dead, so that the put counts as a creation.
   */
  check(trx: Write, name: string, body: Body): Promise<boolean>;
}

export interface Named {
  readonly name: string;
}

export type Which = { readonly name: string } | { readonly after: string; readonly limit: number };

/** Timestamps as the API writes them. */
export const stamps = (row: Pick<Selectable<Database['users']>, 'created_at' | 'updated_at'>) => ({
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
});

/** An optional property: left out where the column is null, because absent and null are one thing in our bodies. */
export const optional = <K extends string, V>(key: K, value: V | null): { readonly [P in K]?: V } =>
  value === null ? {} : ({ [key]: value } as { readonly [P in K]: V });

/** `which` as conditions on a name column. */
export function whichNames(which: Which): {
  readonly equal: string | null;
  readonly after: string;
  readonly limit: number;
} {
  return 'name' in which ? { equal: which.name, after: '', limit: 1 } : { equal: null, ...which };
}

/** A kind whose view is made of its own row alone. */
export interface RowKind<T extends RowTable, Body, View> extends Omit<Kind<Body, View>, 'views' | 'remove'> {
  readonly table: T;
  viewOf(row: Selectable<Database[T]>): View & Named;
  /** Ends what must not outlive it, in the same transaction. */
  removed(trx: Write, name: string): Promise<void>;
}

export function rowKind<T extends RowTable, Body, View>({
  viewOf,
  removed,
  ...kind
}: RowKind<T, Body, View>): Kind<Body, View> {
  return {
    ...kind,
    views: async (db, which) => (await rowsOf(db, kind.table, which)).map(viewOf),
    remove: async (trx, name) => {
      const was = await deleteRow(trx, kind.table, name);
      await removed(trx, name);
      return was;
    },
  };
}

async function rowsOf<T extends RowTable>(
  db: Read,
  table: T,
  which: Which,
): Promise<readonly Selectable<Database[T]>[]> {
  const { equal, after, limit } = whichNames(which);
  const { rows } = await sql<Selectable<Database[T]>>`
    SELECT * FROM ${sql.table(table)}
    WHERE name > ${after} AND (${equal}::text IS NULL OR name = ${equal}) ORDER BY name LIMIT ${limit}`.execute(db);
  return rows;
}

/** False: it was not there. */
export async function deleteRow(trx: Write, table: KindTable, name: string): Promise<boolean> {
  const { numAffectedRows } = await sql`DELETE FROM ${sql.table(table)} WHERE name = ${name}`.execute(trx);
  return (numAffectedRows ?? 0n) > 0n;
}
