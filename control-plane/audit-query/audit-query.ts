/**
 * The reading side of the audit: one row a request, newest first, with every gateway's record under `hops`.
 * The row is the entry gateway's record; until that has arrived, the one that has. Filters and order look at the row.
 * Invariant: a listing is of one moment. Its cursor carries the highest id of the first page, and no later page looks above it: records that arrive
 * meanwhile, late ones of an outage included, neither shift nor repeat a row.
 */
import type { AuditRecord, AuditRow } from '@portolan/core';
import { type ExpressionBuilder, type Kysely, type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import { z } from 'zod';
import { type Page, readCursor, writeCursor } from '../cursor.ts';
import type { Database } from '../db/index.ts';
import type { AuditFilter } from './audit-filter.ts';

type Row = Selectable<Database['audit_records']>;
type Rows = SelectQueryBuilder<Database & { r: Database['audit_records'] }, 'r', Row>;

const Position = z.tuple([z.int().min(0), z.iso.datetime(), z.string()]);

/** Throws Problem `invalid_parameter` for a cursor that we did not write. */
export async function queryAudit(db: Kysely<Database>, filter: AuditFilter): Promise<Page<AuditRow>> {
  const position = filter.cursor === undefined ? undefined : readCursor(Position, filter.cursor);
  const asOf = position?.[0] ?? (await highestId(db));
  const found = await rowsBehind(db, filter, asOf, position).execute();
  const rows = found.slice(0, filter.limit);
  const hops = await hopsOf(
    db,
    rows.map((row) => row.request_id),
  );
  const items = rows.map((row): AuditRow => ({ ...withoutRole(record(row)), hops: hops.get(row.request_id) ?? [] }));
  const last = rows.at(-1);
  if (found.length <= filter.limit || !last) return { items };
  return { items, next: writeCursor([asOf, last.timestamp.toISOString(), last.request_id]) };
}

async function highestId(db: Kysely<Database>): Promise<number> {
  const row = await db.selectFrom('audit_records').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
  return row?.id ?? 0;
}

function rowsBehind(
  db: Kysely<Database>,
  filter: AuditFilter,
  asOf: number,
  position: z.output<typeof Position> | undefined,
): Rows {
  const rows = db
    .selectFrom('audit_records as r')
    .selectAll('r')
    .where('r.id', '<=', asOf)
    .where((eb) => eb.not(eb.exists(betterRecord(eb, asOf))))
    .orderBy('r.timestamp', 'desc')
    .orderBy('r.request_id', 'desc')
    .limit(filter.limit + 1);
  const filtered = applyFilter(rows as Rows, filter);
  if (!position) return filtered;
  const [, at, requestId] = position;
  return filtered.where((eb) => eb(eb.refTuple('r.timestamp', 'r.request_id'), '<', eb.tuple(new Date(at), requestId)));
}

/** Of a request's records the first entry's is the row, else the first: 'entry' < 'handling', then by arrival. One index probe (audit_request). */
const betterRecord = (eb: ExpressionBuilder<Database & { r: Database['audit_records'] }, 'r'>, asOf: number) =>
  eb
    .selectFrom('audit_records as b')
    .select(sql.lit(1).as('one'))
    .whereRef('b.request_id', '=', 'r.request_id')
    .where('b.id', '<=', asOf)
    .where(sql<boolean>`(b.role, b.id) < (r.role, r.id)`);

// table: query parameter → column
const EQUAL = [
  'user',
  'mcp_server',
  'status',
  'entry_gateway',
  'handling_gateway',
  'code',
  'request_id',
  'trace_id',
] as const;

function applyFilter(rows: Rows, filter: AuditFilter): Rows {
  const equal = EQUAL.reduce((query, column) => {
    const wanted = filter[column];
    return wanted === undefined ? query : query.where(`r.${column}`, '=', wanted as never);
  }, rows);
  const { tool, since, until } = filter;
  const called = tool === undefined ? equal : equal.where(isTool(tool));
  const after = since === undefined ? called : called.where('r.timestamp', '>=', new Date(since));
  return until === undefined ? after : after.where('r.timestamp', '<', new Date(until));
}

/** The index audit_tool holds the beginning of a name only. */
const isTool = (tool: string) => sql<boolean>`left(r.tool, 128) = left(${tool}, 128) AND r.tool = ${tool}`;

/** Every record of the requests, entry first. */
async function hopsOf(db: Kysely<Database>, requestIds: readonly string[]): Promise<Map<string, AuditRecord[]>> {
  const hops = new Map<string, AuditRecord[]>();
  if (requestIds.length === 0) return hops;
  const rows = await db
    .selectFrom('audit_records')
    .selectAll()
    .where('request_id', 'in', requestIds)
    .orderBy('request_id')
    .orderBy('role')
    .orderBy('id')
    .execute();
  for (const row of rows) hops.set(row.request_id, [...(hops.get(row.request_id) ?? []), record(row)]);
  return hops;
}

function record({ id: _id, epoch: _epoch, seq: _seq, recorded_at: _arrival, timestamp, ...rest }: Row): AuditRecord {
  return { timestamp: timestamp.toISOString(), ...rest };
}

function withoutRole({ role: _role, ...rest }: AuditRecord): Omit<AuditRecord, 'role'> {
  return rest;
}
