/**
 * Deletes audit records that have been kept for as long as they must be. Their age counts from their arrival here: a gateway whose clock is wrong, or
 * that lies, can neither hurry a record away nor have it kept for ever.
 * Invariant: few rows a statement, the oldest first, none that is locked: whoever writes or reads meanwhile does not wait for this.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import type { Database } from '../db/index.ts';

const EVERY_MS = 3_600_000;
const BATCH = 1_000;

export interface RetentionSettings {
  readonly db: Kysely<Database>;
  readonly keepMs: number;
  /** So many records had been kept for long enough. */
  readonly onDeleted: (records: number) => void;
  /** PostgreSQL is away; the next hour tries again. */
  readonly onTrouble: (doing: string, error: unknown) => void;
}

export class Retention {
  readonly #settings: RetentionSettings;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(settings: RetentionSettings) {
    this.#settings = settings;
  }

  /** At once, then hourly. */
  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#deleteOld().catch((error: unknown) => this.#settings.onTrouble('delete old audit records', error));
      await wait(EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #deleteOld(): Promise<void> {
    const { db, keepMs, onDeleted } = this.#settings;
    let records = 0;
    for (let last = BATCH; last === BATCH && !this.#stopped.signal.aborted; records += last)
      last = await deleteOldest(db, keepMs);
    if (records > 0) onDeleted(records);
  }
}

/**
 * Looks at the first rows to have come, so that it costs the same however many there are. Answers how many it deleted.
 * Their age is by the clock that stamped them, PostgreSQL's: ours may have jumped, and what is deleted is gone.
 */
async function deleteOldest(db: Kysely<Database>, keepMs: number): Promise<number> {
  const { numAffectedRows } = await sql`
    DELETE FROM audit_records WHERE id IN (
      SELECT id FROM (SELECT id, recorded_at FROM audit_records ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED) AS oldest
      WHERE recorded_at < now() - ${keepMs} * interval '1 millisecond'
    )`.execute(db);
  return Number(numAffectedRows ?? 0n);
}
