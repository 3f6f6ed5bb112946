/**
 * One-time enrolment secrets `ptl_enr_…`: bound to one gateway, an hour long, good for the keys of whoever uses it first, and for no others: a gateway
 * that dies before it has stored the answer asks again. The database holds a digest, so a stolen backup enrols nobody.
 */
import { type api, makeToken, parseToken, sameDigest, secretDigest, tokenText } from '@portolan/core';
import type { Kysely, Transaction } from 'kysely';
import type { Database } from '../db/index.ts';
import { problem } from '../problem.ts';

const LIFE_MS = 3_600_000;

/** What a gateway is told besides its secret, over the way that it came: it trusts nothing else of the answer to its enrolment. */
export type Pins = Pick<api.Enrolment, 'meshRootSha256' | 'snapshotKeyThumbprints'>;

/** Throws Problem `not_found` for a gateway that is not active. */
export async function issueSecret(
  db: Kysely<Database>,
  gateway: string,
  pins: Pins,
  now: number,
): Promise<api.Enrolment> {
  const token = makeToken('enr');
  const expires = new Date(now + LIFE_MS);
  await db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('gateways')
      .select('name')
      .where('name', '=', gateway)
      .where('status', '=', 'active')
      .forShare() // or it could be retired before the row below is written
      .executeTakeFirst();
    if (!row) throw problem('not_found', `Gateway "${gateway}" does not exist.`);
    // what has expired is of no more use
    await trx.deleteFrom('enrolments').where('gateway', '=', gateway).where('expires_at', '<', new Date(now)).execute();
    await trx
      .insertInto('enrolments')
      .values({
        id: token.id,
        sha256: secretDigest(token.secret),
        gateway,
        created_at: new Date(now),
        expires_at: expires,
        used_at: null,
        used_by: null,
      })
      .execute();
  });
  return { gateway, token: tokenText(token), ...pins, expiresAt: expires.toISOString() };
}

export interface SecretUse {
  readonly token: string;
  /** `keysName` of the keys that an identity is asked for. */
  readonly usedBy: string;
  /** ms since epoch. */
  readonly now: number;
}

/**
 * Uses the secret up and answers the gateway it was made for; until it expires, the same keys may use it again.
 * Throws Problem `enrolment_refused`, the same for every reason but two.
 */
export async function spendSecret(
  trx: Transaction<Database>,
  { token: text, usedBy, now }: SecretUse,
): Promise<string> {
  const token = parseToken(text);
  if (token?.kind !== 'enr') throw refused();
  const row = await trx.selectFrom('enrolments').selectAll().where('id', '=', token.id).forUpdate().executeTakeFirst();
  if (!row || !sameDigest(row.sha256, secretDigest(token.secret))) throw refused();
  // only who holds the secret learns this
  if (row.used_by !== null && row.used_by !== usedBy) throw refused('was used already');
  if (row.expires_at.getTime() <= now) throw refused('has expired');
  await trx
    .updateTable('enrolments')
    .set({ used_at: row.used_at ?? new Date(now), used_by: usedBy })
    .where('id', '=', token.id)
    .execute();
  return row.gateway;
}

const refused = (why = 'is not valid'): Error =>
  problem(
    'enrolment_refused',
    `The enrolment secret ${why}: make a new one with POST /api/v1/gateways/<name>/enrolments.`,
    {
      path: 'token',
    },
  );
