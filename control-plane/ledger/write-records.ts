/**
 * Audit records into PostgreSQL, once each however often they come, and the watermark: up to where nothing is missing.
 * One that PostgreSQL refuses for its content is found by halving and goes in as a record of its damage; it holds up no other.
 * Invariant: a watermark is read only after the records below it are committed.
 */
import type { SpooledRecord, Watermark } from '@portolan/core';
import { type Kysely, sql } from 'kysely';
import type { Database } from '../db/index.ts';
import { damagedRecord } from './damaged.ts';
import { storable } from './storable.ts';

// one parameter whatever the number of rows; the columns are those of AuditRecord
const COLUMNS = sql.raw(
  `gateway, epoch, seq, "timestamp", request_id, trace_id, role, entry_gateway, handling_gateway, proxy_hops, "user",
   principal_kind, token_id, mcp_server, method, tool, status, http_status, code, total_latency_ms`,
);
const ROW = sql.raw(
  `gateway text, epoch text, seq bigint, "timestamp" timestamptz, request_id text, trace_id text, role text, entry_gateway text,
   handling_gateway text, proxy_hops integer, "user" text, principal_kind text, token_id text, mcp_server text, method text, tool text,
   status text, http_status integer, code text, total_latency_ms double precision`,
);

/** A record that went in as damaged, and why. */
export interface RefusedRecord {
  readonly gateway: string;
  readonly error: unknown;
}

/** All of them or, where it throws (PostgreSQL is away, full, busy …), perhaps some: then again. `now`: ms since epoch. */
export async function insertRecords(
  db: Kysely<Database>,
  records: readonly SpooledRecord[],
  now: number,
): Promise<readonly RefusedRecord[]> {
  try {
    await insert(db, records);
    return [];
  } catch (error) {
    if (!refusesContent(error)) throw error;
    const [first] = records;
    if (!first) return [];
    if (records.length === 1) return [await insertDamaged(db, first, { error, now })];
    const half = Math.ceil(records.length / 2);
    const left = await insertRecords(db, records.slice(0, half), now);
    return [...left, ...(await insertRecords(db, records.slice(half), now))];
  }
}

async function insertDamaged(
  db: Kysely<Database>,
  { epoch, seq, record }: SpooledRecord,
  { error, now }: { readonly error: unknown; readonly now: number },
): Promise<RefusedRecord> {
  const { gateway } = record;
  await insert(db, [damagedRecord({ gateway, epoch, seq, said: record }, now)]).catch((worse: unknown) => {
    if (!refusesContent(worse)) throw worse; // else not even its place can be kept; the alarm tells of it
  });
  return { gateway, error };
}

/** SQLSTATE classes 22 data exception, 23 integrity, 54 program limit: the same rows would be refused again. */
const refusesContent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^(22|23|54)...$/.test(error.code);

async function insert(db: Kysely<Database>, records: readonly SpooledRecord[]): Promise<void> {
  await sql`INSERT INTO audit_records (${COLUMNS})
    SELECT ${COLUMNS} FROM jsonb_to_recordset(${storable(records)}::jsonb) AS r (${ROW})
    ON CONFLICT DO NOTHING`.execute(db);
}

/** Moves the watermark of one epoch as far as it goes, and answers it. */
export async function advanceWatermark(db: Kysely<Database>, gateway: string, epoch: string): Promise<Watermark> {
  const { rows } = await sql<Watermark>`
    WITH present AS (
      SELECT coalesce(max(seq), 0) AS seq FROM audit_watermarks WHERE gateway = ${gateway} AND epoch = ${epoch}
    ), beyond AS (
      SELECT r.seq, r.seq - row_number() OVER (ORDER BY r.seq) AS missing
      FROM audit_records r, present WHERE r.gateway = ${gateway} AND r.epoch = ${epoch} AND r.seq > present.seq
    )
    INSERT INTO audit_watermarks AS w (gateway, epoch, seq)
    SELECT ${gateway}, ${epoch}, coalesce(max(beyond.seq), max(present.seq))
    FROM present LEFT JOIN beyond ON beyond.missing = present.seq
    ON CONFLICT (gateway, epoch) DO UPDATE SET seq = greatest(w.seq, excluded.seq), updated_at = now()
    RETURNING epoch, seq`.execute(db);
  const [watermark] = rows;
  if (!watermark) throw new Error(`No watermark came back for gateway ${gateway}, epoch ${epoch}.`);
  return watermark;
}

/** Watermarks of the epochs in which a gateway was heard of last, newest first. */
export async function recentWatermarks(db: Kysely<Database>, gateway: string): Promise<readonly Watermark[]> {
  return db
    .selectFrom('audit_watermarks')
    .select(['epoch', 'seq'])
    .where('gateway', '=', gateway)
    .orderBy('updated_at', 'desc')
    .limit(8)
    .execute();
}
