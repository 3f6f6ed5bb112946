/**
 * One-time enrolment secrets `ptl_enr_…`: bound to one gateway, an hour long, used once. The database holds a digest, so a stolen backup enrols nobody.
 */
import { type api, makeToken, parseToken, sameDigest, secretDigest, tokenText } from '@portolan/core';
import type { Kysely, Transaction } from 'kysely';
import type { Database } from '../db/index.ts';
import { problem } from '../problem.ts';

const LIFE_MS = 3_600_000;

/** Throws Problem `not_found` for a gateway that is not active. */
export async function issueSecret(
  db: Kysely<Database>,
  gateway: string,
  meshRootSha256: string,
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
      })
      .execute();
  });
  return { gateway, token: tokenText(token), meshRootSha256, expiresAt: expires.toISOString() };
}

/** Uses the secret up and answers the gateway it was made for. Throws Problem `enrolment_refused`, the same for every reason but one. */
export async function spendSecret(trx: Transaction<Database>, text: string, now: number): Promise<string> {
  const token = parseToken(text);
  if (token?.kind !== 'enr') throw refused();
  const row = await trx.selectFrom('enrolments').selectAll().where('id', '=', token.id).forUpdate().executeTakeFirst();
  if (!row || !sameDigest(row.sha256, secretDigest(token.secret))) throw refused();
  // only who holds the secret learns this
  if (row.used_at || row.expires_at.getTime() <= now) throw refused(row.used_at ? 'was used already' : 'has expired');
  await trx
    .updateTable('enrolments')
    .set({ used_at: new Date(now) })
    .where('id', '=', token.id)
    .execute();
  return row.gateway;
}

/** Makes a spent secret good again, where what it was spent for never left us. */
export async function restoreSecret(db: Kysely<Database>, text: string): Promise<void> {
  const id = parseToken(text)?.id ?? '';
  await db.updateTable('enrolments').set({ used_at: null }).where('id', '=', id).execute();
}

const refused = (why = 'is not valid'): Error =>
  problem(
    'enrolment_refused',
    `The enrolment secret ${why}: make a new one with POST /api/v1/gateways/<name>/enrolments.`,
    {
      path: 'token',
    },
  );
