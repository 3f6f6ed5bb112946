/**
 * Brings the schema up to date: forward only, each migration in its own transaction, one process at a time (advisory lock).
 * Invariant: an applied migration's text never changes; one that did is refused, and so is a database newer than this program.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { clientOptions, type DatabaseAddress } from './connect.ts';
import { freeWhenDead, locks } from './locks.ts';
import { type Migration, migrations } from './migrations/index.ts';

interface Applied {
  readonly name: string;
  readonly sha256: string;
}

const OLDEST = 150_000;
const checksum = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Pure: what is still to do. Throws where history and program contradict each other. */
export function pending(applied: readonly Applied[], known: readonly Migration[]): readonly Migration[] {
  for (const [i, past] of applied.entries()) {
    const ours = known[i];
    if (ours?.name !== past.name)
      throw new Error(
        `Database: migration "${past.name}" was applied, but this program does not know it. Run a newer version.`,
      );
    if (checksum(ours.sql) !== past.sha256)
      throw new Error(
        `Database: migration "${past.name}" was applied with another text. Restore it: applied migrations are never edited.`,
      );
  }
  return known.slice(applied.length);
}

/** Applies what is missing and returns the names; an empty list when there was nothing to do. */
export async function migrate(
  address: DatabaseAddress,
  known: readonly Migration[] = migrations,
): Promise<readonly string[]> {
  const client = new pg.Client(clientOptions(address));
  client.on('error', () => {}); // the query in flight rejects with the same error
  await client.connect().catch((cause: unknown) => {
    throw new Error(`Database: no connection to PostgreSQL at ${new URL(address.url).host}: ${reason(cause)}`, {
      cause,
    });
  });
  try {
    await checkServer(client);
    await freeWhenDead(client);
    await client.query('SELECT pg_advisory_lock($1)', [locks.migrate]);
    await client.query(
      'CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    const { rows } = await client.query<Applied>('SELECT name, sha256 FROM schema_migrations ORDER BY name');
    const todo = pending(rows, known);
    for (const migration of todo) await apply(client, migration);
    return todo.map((migration) => migration.name);
  } finally {
    await client.end(); // frees the lock
  }
}

/** Node gives an error without words where a name has several addresses. */
const reason = (error: unknown): string =>
  error instanceof AggregateError ? error.errors.map(reason).join('; ') : (error as Error).message;

async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
  const version = Number(rows[0]?.server_version_num);
  if (version < OLDEST)
    throw new Error(`Database: PostgreSQL 15 or newer is needed, this is ${Math.floor(version / 10_000)}.`);
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.sql);
    await client.query('INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)', [
      migration.name,
      checksum(migration.sql),
    ]);
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => {});
    throw new Error(`Database: migration "${migration.name}" failed and was rolled back: ${(cause as Error).message}`, {
      cause,
    });
  }
}
