/**
 * Who calls this API: a bearer token (RFC 6750) that is known, alive, and has role `admin`.
 * The database is asked each time, by primary key, so that a revocation counts at once. An unknown id costs the same work as a known one.
 */
import { parseToken, sameDigest, secretDigest } from '@portolan/core';
import type { Kysely } from 'kysely';
import type { Database } from '../db/index.ts';
import { problem } from '../problem.ts';

export interface Administrator {
  readonly tokenId: string;
  readonly principal: string;
}

const BEARER = /^Bearer +([\x21-\x7e]{1,512})$/i;
const NOBODY = Buffer.alloc(32);

const invalid = () =>
  problem('unauthorized', 'The bearer token is not valid: it is malformed, unknown, revoked or expired.');

/** `now`: ms since epoch. Throws Problem `unauthorized` or `forbidden`. */
export async function authenticate(
  db: Kysely<Database>,
  authorization: string | undefined,
  now: number,
): Promise<Administrator> {
  if (authorization === undefined)
    throw problem('unauthorized', 'A bearer token with role admin is required: send "Authorization: Bearer <token>".');
  const token = parseToken(BEARER.exec(authorization)?.[1] ?? '');
  if (!token || token.kind === 'enr') throw invalid();
  const row = await db
    .selectFrom('tokens')
    .select(['kind', 'sha256', 'role', 'principal_name', 'expires_at', 'revoked_at'])
    .where('id', '=', token.id)
    .executeTakeFirst();
  const same = sameDigest(row?.sha256 ?? NOBODY, secretDigest(token.secret));
  if (!row || !same || row.kind !== token.kind || row.revoked_at || row.expires_at.getTime() <= now) throw invalid();
  if (row.role !== 'admin')
    throw problem('forbidden', 'This token is for calls at the gateways: this API demands one with role admin.');
  return { tokenId: token.id, principal: row.principal_name };
}
