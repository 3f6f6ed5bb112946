/** The API on a schema of its own with an admin token, asked through Fastify's door; enrolment, publisher and NATS are stand-ins. */
import { randomBytes } from 'node:crypto';
import { hopKey, makeToken, secretDigest, tokenText } from '@portolan/core';
import type { FastifyInstance } from 'fastify';
import { type Kysely, sql } from 'kysely';
import pino from 'pino';
import { type Parts, routesOf } from '../api/routes/index.ts';
import { type Database, type DatabaseAddress, migrate, openDatabase } from '../db/index.ts';
import { hopKeyAad, type Kek, kekOf } from '../keys/kek.ts';
import { createApi } from '../server/create-api.ts';
import type { Mounting } from '../server/mount-routes.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of it is the test's own matter
  readonly body: any;
}

export interface TestApi extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly db: Kysely<Database>;
  readonly kek: Kek;
  /** Text of an admin token; `reset` makes another. */
  admin: string;
  readonly mounting: Mounting;
  readonly log: string[];
  ask(
    method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH',
    path: string,
    body?: unknown,
    token?: string,
  ): Promise<Reply>;
  /** Empties every table and makes a new admin token. */
  reset(): Promise<void>;
  /** Kinds and names of the outbox, which is emptied. */
  outbox(): Promise<string[]>;
}

const FAR = new Date(Date.now() + 86_400_000);

export async function startTestApi(address: DatabaseAddress, parts: Partial<Parts> = {}): Promise<TestApi> {
  await migrate(address);
  const { db, close } = openDatabase(address);
  const kek = kekOf(randomBytes(32));
  const log: string[] = [];
  const mounting = mountingOf(db, kek, parts);
  const app = createApi({ mounting, log: pino({}, { write: (line: string) => void log.push(line) }) });
  const api: TestApi = {
    app,
    db,
    kek,
    admin: '',
    mounting,
    log,
    ask: (method, path, body, token = api.admin) => ask(app, { method, path, body, token }),
    reset: async () => {
      await sql`TRUNCATE gateways, users, tokens, audit_records, peer_matrix, outbox RESTART IDENTITY CASCADE`.execute(
        db,
      );
      api.admin = await insertToken(db, kek, { role: 'admin', expiresAt: FAR });
    },
    outbox: async () => {
      const rows = await db.deleteFrom('outbox').returning(['id', 'kind', 'name']).execute();
      return rows.toSorted((a, b) => a.id - b.id).map(({ kind, name }) => `${kind} ${name}`);
    },
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await close();
    },
  };
  await api.reset();
  return api;
}

const unused = async (): Promise<never> => {
  throw new Error('not expected in this test');
};

function mountingOf(db: Kysely<Database>, kek: Kek, parts: Partial<Parts>): Mounting {
  const all: Parts = {
    db,
    kek,
    enrolling: { issue: unused, enroll: unused, renew: unused, identify: unused },
    natsServers: { enroll: unused, certificate: unused },
    snapshots: { newer: unused },
    nats: { url: 'nats://localhost:4222', connected: () => false },
    servers: { of: () => new Map() },
    ordersCertificates: true,
    federation: 'test',
    version: '0.0.0',
    now: Date.now,
    ...parts,
  };
  const { federation, version, now } = all;
  return {
    routes: routesOf(all),
    db,
    meshName: `control.${federation}.mesh.internal`,
    url: 'https://localhost',
    version,
    ready: () => true,
    now,
  };
}

async function ask(
  app: FastifyInstance,
  {
    method,
    path,
    body,
    token,
  }: { method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH'; path: string; body: unknown; token: string },
): Promise<Reply> {
  const authorization = token === '' ? {} : { authorization: `Bearer ${token}` };
  const reply = await app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { ...authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const isJson = String(reply.headers['content-type']).startsWith('application/json') && reply.body !== '';
  return { status: reply.statusCode, headers: reply.headers, body: isJson ? reply.json() : reply.body };
}

/** A token as it was issued some other way; answers its text. */
export async function insertToken(
  db: Kysely<Database>,
  kek: Kek,
  { role, expiresAt, revokedAt }: { role: 'admin' | null; expiresAt: Date; revokedAt?: Date },
): Promise<string> {
  const token = makeToken('pat');
  const text = tokenText(token);
  await db
    .insertInto('tokens')
    .values({
      id: token.id,
      kind: 'pat',
      principal_kind: 'user',
      principal_name: 'admin',
      role,
      sha256: secretDigest(token.secret),
      sealed_hop_key: await kek.seal(hopKey(token.secret), hopKeyAad(token.id)),
      last4: text.slice(-4),
      description: null,
      expires_at: expiresAt,
      revoked_at: revokedAt ?? null,
    })
    .execute();
  return text;
}
