/** The door of db: connection, schema, migrations, and how a change is told. */
export { clientOptions, type DatabaseAddress, type Db, databaseAway, openDatabase } from './connect.ts';
export { listen } from './listen.ts';
export { freeWhenDead, locks } from './locks.ts';
export { migrate } from './migrate.ts';
export { CHANNEL, type ChangeKind, change, changed } from './outbox.ts';
export type { Database } from './schema.ts';
