/**
 * Issues a PAT or a VAT. The text leaves in the answer of this one call; what stays is `sha256(secret)`, and the hop key under the KEK.
 */
import { type api, hopKey, makeToken, secretDigest, tokenText } from '@portolan/core';
import type { Kysely } from 'kysely';
import { change, changed, type Database } from '../db/index.ts';
import { hopKeyAad, type Kek } from '../keys/kek.ts';
import { existingPrincipal } from '../registry/index.ts';
import { viewOf } from './list-tokens.ts';

/** `now`: ms since epoch. Throws Problem `unknown_reference`. */
export async function issueToken(
  db: Kysely<Database>,
  kek: Kek,
  order: api.TokenBody,
  now: number,
): Promise<api.IssuedToken> {
  const token = makeToken(order.principal.kind === 'user' ? 'pat' : 'vat');
  const text = tokenText(token);
  const sealed = await kek.seal(hopKey(token.secret), hopKeyAad(token.id));
  const row = await change(db, async (trx) => {
    await existingPrincipal(trx, order.principal, 'principal.name');
    await changed(trx, 'token', token.id);
    return trx
      .insertInto('tokens')
      .values({
        id: token.id,
        kind: order.principal.kind === 'user' ? 'pat' : 'vat',
        principal_kind: order.principal.kind,
        principal_name: order.principal.name,
        role: null,
        sha256: secretDigest(token.secret),
        sealed_hop_key: sealed,
        last4: text.slice(-4),
        description: order.description ?? null,
        created_at: new Date(now),
        expires_at: new Date(now + order.expiresInSeconds * 1_000),
        revoked_at: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  });
  return { ...viewOf(row), token: text };
}
