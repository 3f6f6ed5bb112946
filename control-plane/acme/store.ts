/**
 * Certificates, orders and accounts in PostgreSQL. Private keys are in it under the KEK alone, each bound to its plane or directory.
 * Invariant: a certificate and its key change together, in one transaction with what tells the publisher and every control plane.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CONTROL } from '@portolan/core';
import { type Kysely, type Selectable, sql } from 'kysely';
import { changed, type Database } from '../db/index.ts';
import { acmeAccountAad, certificateKeyAad, type Kek } from '../keys/kek.ts';
import { type Plane, planesOf } from './planes.ts';
import type { Validity } from './schedule.ts';

/** Heard by every control plane when a certificate has changed. */
export const CERTIFICATES_CHANNEL = 'portolan_certificates';

const MAX_ERROR = 1_000;

export interface CertificateStore {
  readonly db: Kysely<Database>;
  readonly kek: Kek;
}

export type CertificateRow = Selectable<Database['certificates']>;

export interface StoredOrder {
  readonly url: string;
  readonly name: string;
  readonly key: KeyObject;
}

export interface Account {
  readonly key: KeyObject;
  /** Undefined until it is registered. */
  readonly url: string | undefined;
}

/** The planes that are to have a certificate by ACME now. */
export async function wantedPlanes(
  { db }: CertificateStore,
  controlUrl: string | undefined,
): Promise<readonly Plane[]> {
  const gateways = await db
    .selectFrom('gateways')
    .select(['name', 'url'])
    .where('status', '=', 'active')
    .where('certificate', '=', 'acme')
    .orderBy('name')
    .execute();
  return planesOf(controlUrl, gateways);
}

export const certificateRows = ({ db }: Pick<CertificateStore, 'db'>): Promise<CertificateRow[]> =>
  db.selectFrom('certificates').selectAll().orderBy(sql`plane COLLATE "C"`).execute();

/** Rows of other planes go, with their keys: a retired gateway's, one that has files of its own now. */
export async function dropOthers({ db }: CertificateStore, planes: readonly Plane[]): Promise<void> {
  await db
    .deleteFrom('certificates')
    .$if(planes.length > 0, (query) =>
      query.where(
        'plane',
        'not in',
        planes.map(({ plane }) => plane),
      ),
    )
    .execute();
}

/** P-256, PKCS #8: as every key that is kept here. */
export const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const wrap = (kek: Kek, key: KeyObject, aad: string): Promise<Buffer> =>
  kek.seal(key.export({ type: 'pkcs8', format: 'der' }), aad);
const unwrap = async (kek: Kek, wrapped: Uint8Array, aad: string): Promise<KeyObject> =>
  createPrivateKey({ key: await kek.open(wrapped, aad), format: 'der', type: 'pkcs8' });

/** The account of a directory; its key is made at the first time. */
export async function accountOf({ db, kek }: CertificateStore, directory: string): Promise<Account> {
  const aad = acmeAccountAad(directory);
  await db
    .insertInto('acme_accounts')
    .values({ directory, url: null, wrapped_key: await wrap(kek, newKey(), aad) })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const row = await db
    .selectFrom('acme_accounts')
    .selectAll()
    .where('directory', '=', directory)
    .executeTakeFirstOrThrow();
  return { key: await unwrap(kek, row.wrapped_key, aad), url: row.url ?? undefined };
}

/** `undefined`: the server does not know it, so that it must be registered anew. */
export async function keepAccountUrl(
  { db }: CertificateStore,
  directory: string,
  url: string | undefined,
): Promise<void> {
  await db
    .updateTable('acme_accounts')
    .set({ url: url ?? null })
    .where('directory', '=', directory)
    .execute();
}

export async function keepOrder({ db, kek }: CertificateStore, plane: string, order: StoredOrder): Promise<void> {
  const row = {
    order_url: order.url,
    order_name: order.name,
    order_key: await wrap(kek, order.key, certificateKeyAad(plane)),
  };
  await db
    .insertInto('certificates')
    .values({ plane, ...row })
    .onConflict((conflict) => conflict.column('plane').doUpdateSet(row))
    .execute();
}

export async function orderOf({ kek }: CertificateStore, row: CertificateRow): Promise<StoredOrder | undefined> {
  const { order_url: url, order_name: name, order_key: wrapped } = row;
  if (url === null || name === null || wrapped === null) return undefined;
  return { url, name, key: await unwrap(kek, wrapped, certificateKeyAad(row.plane)) };
}

const NO_ORDER = { order_url: null, order_name: null, order_key: null };

/** The order cannot become a certificate any more. */
export async function forgetOrder({ db }: CertificateStore, plane: string): Promise<void> {
  await db.updateTable('certificates').set(NO_ORDER).where('plane', '=', plane).execute();
}

export interface Obtained extends Validity {
  readonly chain: string;
  readonly renewAt: number;
}

/** The order's key becomes the certificate's. */
export async function keepCertificate(
  { db, kek }: CertificateStore,
  plane: string,
  { name, key }: StoredOrder,
  { chain, notBefore, notAfter, renewAt }: Obtained,
): Promise<void> {
  const wrapped_key = await wrap(kek, key, certificateKeyAad(plane));
  await db.transaction().execute(async (trx) => {
    await trx
      .updateTable('certificates')
      .set({
        ...{ name, chain, wrapped_key },
        not_before: new Date(notBefore),
        not_after: new Date(notAfter),
        renew_at: new Date(renewAt),
        ...NO_ORDER,
        ...{ failures: 0, retry_at: null, last_error: null, last_error_at: null },
      })
      .where('plane', '=', plane)
      .execute();
    if (plane !== CONTROL) await changed(trx, 'certificate', plane);
    await sql`SELECT pg_notify(${CERTIFICATES_CHANNEL}, '')`.execute(trx);
  });
}

/** Sooner than planned. */
export async function renewSooner({ db }: CertificateStore, plane: string, renewAt: number): Promise<void> {
  await db
    .updateTable('certificates')
    .set({ renew_at: new Date(renewAt) })
    .where('plane', '=', plane)
    .where('renew_at', '>', new Date(renewAt))
    .execute();
}

export interface Failure {
  readonly failures: number;
  readonly message: string;
  readonly at: number;
  readonly retryAt: number;
}

export async function keepFailure({ db }: CertificateStore, plane: string, failure: Failure): Promise<void> {
  const row = {
    failures: failure.failures,
    retry_at: new Date(failure.retryAt),
    last_error: failure.message.replaceAll('\0', '').slice(0, MAX_ERROR),
    last_error_at: new Date(failure.at),
  };
  await db
    .insertInto('certificates')
    .values({ plane, ...row })
    .onConflict((conflict) => conflict.column('plane').doUpdateSet(row))
    .execute();
}

/** PEM pair in use; undefined before the first. Throws where the KEK is another. */
export async function pairOf(
  { kek }: Pick<CertificateStore, 'kek'>,
  { plane, chain, wrapped_key }: Pick<CertificateRow, 'plane' | 'chain' | 'wrapped_key'>,
): Promise<{ readonly cert: string; readonly key: string } | undefined> {
  if (chain === null || wrapped_key === null) return undefined;
  const key = await unwrap(kek, wrapped_key, certificateKeyAad(plane));
  return { cert: chain, key: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}
