/**
 * The connection to PostgreSQL: pool, type parsing, and how an outage is told from a fault of ours.
 * The password comes from a file (pass-file.ts), never from the URL.
 */
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { readPassword } from './pass-file.ts';
import type { Database } from './schema.ts';

const INT8 = 20;
const POOL = { max: 10, connectionTimeoutMillis: 5_000, idleTimeoutMillis: 30_000, keepAlive: true } as const;

export interface DatabaseAddress {
  /** postgres://user@host:port/database, without a password. */
  readonly url: string;
  /** PGPASSFILE; absent where the server asks for no password. */
  readonly passFile?: string | undefined;
}

export interface Db {
  readonly db: Kysely<Database>;
  readonly address: DatabaseAddress;
  /** Does PostgreSQL answer, within two seconds. Never throws. */
  ping(): Promise<boolean>;
  close(): Promise<void>;
}

/** bigint → number: none of ours passes 2^53. Given to each client, because pg's own registry is global. */
const types = {
  getTypeParser: ((oid: number, format: 'text') =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** What a single client (LISTEN, advisory locks) needs, too. */
export const clientOptions = ({ url, passFile }: DatabaseAddress): pg.ClientConfig => ({
  // parsed here, because a connection string's empty password would win over ours
  ...parseIntoClientConfig(url),
  // never undefined, so that pg looks nowhere else
  password: async () => (passFile === undefined ? '' : readPassword(passFile, new URL(url))),
  application_name: 'portolan-control-plane',
  connectionTimeoutMillis: POOL.connectionTimeoutMillis,
  keepAlive: true,
  types,
});

/** Opens the pool; connects only when asked something. `onError`: a connection broke while idle. */
export function openDatabase(address: DatabaseAddress, onError: (error: Error) => void = () => {}): Db {
  const pool = new pg.Pool({ ...clientOptions(address), ...POOL, statement_timeout: 30_000 });
  // without a listener, PostgreSQL going away would end the process; the pool has one on idle clients only
  pool.on('connect', (client) => client.on('error', onError));
  pool.on('error', () => {});
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  return { db, address, ping: () => ping(db), close: () => db.destroy() };
}

async function ping(db: Kysely<Database>): Promise<boolean> {
  const patience = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => patience.resolve(false), 2_000);
  const asked = db.executeQuery(CompiledQuery.raw('select 1')).then(
    () => true,
    () => false,
  );
  return Promise.race([asked, patience.promise]).finally(() => clearTimeout(timer));
}

const SOCKET = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** SQLSTATE: class 08 connection, 57P01–57P05 shutdown, 53300 too many connections. */
const AWAY = /^(08...|57P0[1-5]|53300)$/;
const SPOKEN =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/;

/** True when an error means that PostgreSQL is away, so the same may succeed later; false for everything that is our fault. */
export function databaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError && error.errors.some(databaseAway)) return true;
  if (error.cause !== undefined && databaseAway(error.cause)) return true;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return SOCKET.has(code) || AWAY.test(code) || SPOKEN.test(error.message);
}
