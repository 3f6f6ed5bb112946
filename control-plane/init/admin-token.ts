/**
 * The first token: role `admin`, subject `admin`, text in <dataDir>/admin-token. It opens the API and nothing else: a token with a role stands in no snapshot.
 * Invariant: file and row are brought together at each `init`, whichever of the two was lost; a revoked one stays revoked.
 */
import { hopKey, makeToken, parseToken, secretDigest, type Token, tokenText } from '@portolan/core';
import type { Kysely } from 'kysely';
import type { Database } from '../db/index.ts';
import { hopKeyAad, type Kek } from '../keys/kek.ts';
import { readIfThere, writePrivately } from '../keys/private-files.ts';

const DAY_MS = 86_400_000;
const LIFE_MS = 365 * DAY_MS;
export const RENEW_BEFORE_MS = 30 * DAY_MS;
const ADMIN = 'admin';

export interface AdminTokenPlace {
  readonly file: string;
  readonly db: Kysely<Database>;
  readonly kek: Kek;
  /** ms since epoch. */
  readonly now: number;
}

/** Answers what it did, in one line; undefined when all was there. */
export async function ensureAdminToken(place: AdminTokenPlace): Promise<string | undefined> {
  const present = parseToken((await readIfThere(place.file))?.trim() ?? '');
  if (!present) return issue(place, `admin token ${place.file}`);
  const row = await place.db
    .selectFrom('tokens')
    .select(['expires_at', 'revoked_at'])
    .where('id', '=', present.id)
    .executeTakeFirst();
  if (!row) {
    await insertAdminToken(place, present);
    return `row of the admin token in ${place.file}`;
  }
  if (row.revoked_at) return `nothing: the admin token in ${place.file} is revoked (delete the file to get another)`;
  if (row.expires_at.getTime() - place.now > RENEW_BEFORE_MS) return undefined;
  return issue(place, `admin token ${place.file}, because the one before was about to expire`);
}

/** File before row: a crash in between leaves a file without a row, which the next `init` mends. */
async function issue(place: AdminTokenPlace, made: string): Promise<string> {
  const token = makeToken('pat');
  await writePrivately(place.file, `${tokenText(token)}\n`);
  await insertAdminToken(place, token);
  return made;
}

/** The row of a token whose text is in a place of its own. */
export async function insertAdminToken({ db, kek, now }: Omit<AdminTokenPlace, 'file'>, token: Token): Promise<void> {
  await db
    .insertInto('tokens')
    .values({
      id: token.id,
      kind: 'pat',
      principal_kind: 'user',
      principal_name: ADMIN,
      role: 'admin',
      sha256: secretDigest(token.secret),
      sealed_hop_key: await kek.seal(hopKey(token.secret), hopKeyAad(token.id)),
      last4: tokenText(token).slice(-4),
      description: 'made by control-plane init',
      expires_at: new Date(now + LIFE_MS),
      revoked_at: null,
    })
    .execute();
}
