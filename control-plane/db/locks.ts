/** PostgreSQL advisory locks: which number means what, in one list, so that two uses never collide; and how a dead holder's is freed. */
import type pg from 'pg';

export const locks = {
  /** One process migrates. */
  migrate: 70_01,
  /** One instance renders and publishes snapshots. */
  publish: 70_02,
  /** One `init` makes keys and keeps them in the database. */
  birth: 70_03,
  /** One instance orders public certificates. */
  certificates: 70_04,
} as const;

/**
 * Before a lock is taken: a holder whose machine is gone sends no end of its connection, and by its own settings PostgreSQL would keep the lock for
 * hours. Asked for signs of life, it frees it within about 20 s (PostgreSQL documentation, "Connection Settings"; no effect over a Unix socket).
 */
export async function freeWhenDead(client: pg.Client): Promise<void> {
  await client.query(
    'SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 20000',
  );
}
