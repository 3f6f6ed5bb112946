/**
 * What changed, for the publisher: a row in the transaction of the change, and a NOTIFY that PostgreSQL delivers at its commit.
 * Invariant: whatever can alter a snapshot calls `changed` in the same transaction, or gateways never learn of it.
 */
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database } from './schema.ts';

export const CHANNEL = 'portolan_outbox';

export type ChangeKind =
  | 'gateway'
  | 'mcp-server'
  | 'user'
  | 'virtual-account'
  | 'grant'
  | 'peer-matrix'
  | 'token'
  | 'replica'
  | 'sealing-key'
  | 'certificate';

export async function changed(trx: Transaction<Database>, kind: ChangeKind, name: string): Promise<void> {
  await trx.insertInto('outbox').values({ kind, name }).execute();
  await sql`SELECT pg_notify(${CHANNEL}, '')`.execute(trx);
}

/** A transaction for a change. It writes no outbox row by itself: `work` calls `changed` where something did change. */
export const change = <T>(db: Kysely<Database>, work: (trx: Transaction<Database>) => Promise<T>): Promise<T> =>
  db.transaction().execute(work);
