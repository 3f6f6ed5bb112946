/**
 * The first token in a Kubernetes Secret, from which an operator takes it and which he deletes then. Invariant: a Secret that was deleted does not come
 * back while a token of ours is good; a Secret without a row, as a crash in between leaves it, gets its row.
 */
import { makeToken, parseToken, type Token, tokenText } from '@portolan/core';
import type { Secrets } from '../kubernetes/index.ts';
import { type AdminTokenPlace, insertAdminToken, RENEW_BEFORE_MS } from './admin-token.ts';

export interface AdminTokenSecretPlace extends Omit<AdminTokenPlace, 'file'> {
  /** Asked for only where there is something to do: replicas that are born again have no way to the API of the cluster. */
  readonly secrets: () => Promise<Secrets>;
  readonly name: string;
}

/** Answers what it did, in one line; undefined when there was nothing to do. Only the first token is worth failing for: without another, all goes on. */
export async function ensureAdminTokenSecret(place: AdminTokenSecretPlace): Promise<string | undefined> {
  const ends = await endsOfTokens(place);
  if (ends.some((end) => end - place.now > RENEW_BEFORE_MS)) return undefined;
  const isFirst = ends.length === 0;
  return place
    .secrets()
    .then((secrets) => ensureIn(secrets, place))
    .catch((error: Error) => {
      if (isFirst) throw error;
      return `nothing: every admin token is revoked or about to expire, and another cannot be made here (${error.message})`;
    });
}

async function ensureIn(secrets: Secrets, place: AdminTokenSecretPlace): Promise<string | undefined> {
  const { name } = place;
  const where = `Secret ${name} of namespace ${secrets.namespace}`;
  const there = await secrets.read(name);
  if (there !== undefined) return adopt(place, where, there);
  const token = makeToken('pat');
  if (!(await secrets.create(name, { data: { token: Buffer.from(tokenText(token)) } })))
    throw new Error(`${where} was made by another while we made the admin token: run init again.`);
  await insertAdminToken(place, token);
  return `admin token in ${where}: take it, then delete the Secret`;
}

async function adopt(place: AdminTokenSecretPlace, where: string, data: ReadonlyMap<string, Buffer>): Promise<string> {
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
  return `nothing: the admin token in ${where} is about to expire (delete the Secret to get another)`;
}

/** When each admin token that there ever was ends (ms since epoch); a revoked one has ended. */
async function endsOfTokens({ db }: AdminTokenSecretPlace): Promise<readonly number[]> {
  const rows = await db.selectFrom('tokens').select(['expires_at', 'revoked_at']).where('role', '=', 'admin').execute();
  return rows.map(({ expires_at, revoked_at }) => (revoked_at ? 0 : expires_at.getTime()));
}
