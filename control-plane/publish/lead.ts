/**
 * Work that one instance of the control plane does at a time: whoever holds a PostgreSQL advisory lock, for as long as its connection lives.
 * Invariant: the work's signal ends as soon as the lock may be lost; PostgreSQL frees the lock of a dead instance by itself.
 */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { clientOptions, type DatabaseAddress, freeWhenDead } from '../db/index.ts';

const PAUSE_MS = 250;

export interface Leading {
  readonly address: DatabaseAddress;
  /** A number of db/locks.ts. */
  readonly lock: number;
  readonly signal: AbortSignal;
  readonly work: (signal: AbortSignal) => Promise<void>;
  /** PostgreSQL is away, or the work failed: told once until the lock was asked for again with success. */
  readonly onTrouble: (error: Error) => void;
}

/** Resolves when the signal is aborted; never rejects. */
export async function lead(leading: Leading): Promise<void> {
  let told = false;
  while (!leading.signal.aborted) {
    await leadOnce(leading).then(
      () => {
        told = false;
      },
      (error: Error) => {
        if (!told && !leading.signal.aborted) leading.onTrouble(error);
        told = true;
      },
    );
    await wait(PAUSE_MS, undefined, { signal: leading.signal }).catch(() => {});
  }
}

async function leadOnce({ address, lock, signal, work }: Leading): Promise<void> {
  const client = new pg.Client(clientOptions(address));
  const lost = new AbortController();
  client.on('error', (error) => lost.abort(error));
  client.on('end', () => lost.abort());
  try {
    await client.connect();
    await freeWhenDead(client);
    const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [lock]);
    if (rows[0]?.held) await work(AbortSignal.any([signal, lost.signal]));
  } finally {
    await client.end().catch(() => {});
  }
}
