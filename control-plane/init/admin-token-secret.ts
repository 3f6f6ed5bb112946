/**
 * The first token in a Kubernetes Secret, from which an operator takes it and which he deletes then. Invariant: a Secret that was deleted does not come
 * back while a token of ours is good; a Secret without a row, as a crash in between leaves it, gets its row.
 */
import { makeToken, parseToken, type Token, tokenText } from '@portolan/core';
import type { Secrets } from '../kubernetes/index.ts';
import { type AdminTokenPlace, insertAdminToken, RENEW_BEFORE_MS } from './admin-token.ts';

export interface AdminTokenSecretPlace extends Omit<AdminTokenPlace, 'file'> {
  readonly secrets: Secrets;
  readonly name: string;
}

/** Answers what it did, in one line; undefined when there was nothing to do. */
export async function ensureAdminTokenSecret(place: AdminTokenSecretPlace): Promise<string | undefined> {
  const { secrets, name } = place;
  const there = await secrets.read(name);
  if (there !== undefined) return adopt(place, there);
  if (await hasGoodToken(place)) return undefined;
  const token = makeToken('pat');
  if (!(await secrets.create(name, { data: { token: Buffer.from(tokenText(token)) } })))
    throw new Error(`Secret "${name}" was made by another while we made the admin token: run init again.`);
  await insertAdminToken(place, token);
  return `admin token in Secret ${name} of namespace ${secrets.namespace}: take it, then delete the Secret`;
}

async function adopt(place: AdminTokenSecretPlace, data: ReadonlyMap<string, Buffer>): Promise<string | undefined> {
  const where = `Secret ${place.name} of namespace ${place.secrets.namespace}`;
  const token: Token | undefined = parseToken(data.get('token')?.toString().trim() ?? '');
  if (!token)
    throw new Error(`${where} exists, but its key "token" holds no admin token: delete it, and init makes another.`);
  const row = await place.db
    .selectFrom('tokens')
    .select(['expires_at', 'revoked_at'])
    .where('id', '=', token.id)
    .executeTakeFirst();
  if (!row) {
    await insertAdminToken(place, token);
    return `row of the admin token in ${where}`;
  }
  if (row.revoked_at) return `nothing: the admin token in ${where} is revoked (delete the Secret to get another)`;
  if (row.expires_at.getTime() - place.now > RENEW_BEFORE_MS) return undefined;
  return `nothing: the admin token in ${where} is about to expire (delete the Secret to get another)`;
}

async function hasGoodToken({ db, now }: AdminTokenSecretPlace): Promise<boolean> {
  const row = await db
    .selectFrom('tokens')
    .select('id')
    .where('role', '=', 'admin')
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', new Date(now + RENEW_BEFORE_MS))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
