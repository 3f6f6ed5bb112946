/** The peer matrix: which pairs of gateways may call each other. One a federation; without it, or outside it, nothing crosses. */
import type { api } from '@portolan/core';
import { change, changed } from '../db/index.ts';
import { problem } from '../problem.ts';
import type { Read, Write } from './kind.ts';
import { activeGateway } from './references.ts';

type Pair = [string, string];

/** Throws Problem `not_found` before the first put. */
export async function getPeerMatrix(db: Read): Promise<api.PeerMatrixBody> {
  const exists = await db.selectFrom('peer_matrix').select('singleton').executeTakeFirst();
  if (!exists) throw problem('not_found', 'There is no peer matrix: no gateway may call another.');
  return { pairs: await storedPairs(db) };
}

export async function putPeerMatrix(
  db: Read,
  body: api.PeerMatrixBody,
): Promise<{ readonly created: boolean; readonly view: api.PeerMatrixBody }> {
  const wanted = normalPairs(body.pairs);
  return change(db, async (trx) => {
    for (const name of new Set(wanted.flat().toSorted())) await activeGateway(trx, name, 'pairs');
    const made = await trx
      .insertInto('peer_matrix')
      .defaultValues()
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    const created = (made.numInsertedOrUpdatedRows ?? 0n) > 0n;
    if ((await replacePairs(trx, wanted)) || created) await changed(trx, 'peer-matrix', 'peer-matrix');
    return { created, view: { pairs: wanted } };
  });
}

/** Throws Problem `not_found`. */
export async function removePeerMatrix(db: Read): Promise<void> {
  await change(db, async (trx) => {
    const { numDeletedRows } = await trx.deleteFrom('peer_matrix').executeTakeFirst();
    if (numDeletedRows === 0n) throw problem('not_found', 'There is no peer matrix.');
    await trx.deleteFrom('peer_pairs').execute();
    await changed(trx, 'peer-matrix', 'peer-matrix');
  });
}

/** Unordered and unique, in one order, so that equal matrices are equal texts. Throws for a gateway paired with itself. */
function normalPairs(pairs: readonly Pair[]): Pair[] {
  const all = new Map<string, Pair>();
  for (const [i, [x, y]] of pairs.entries()) {
    if (x === y)
      throw problem('invalid_body', `pairs.${i}: gateway "${x}" is paired with itself; expected two different ones.`, {
        path: `pairs.${i}`,
      });
    const pair: Pair = x < y ? [x, y] : [y, x];
    all.set(pair.join(' '), pair);
  }
  return [...all].toSorted(([x], [y]) => (x < y ? -1 : 1)).map(([, pair]) => pair);
}

async function storedPairs(db: Read): Promise<Pair[]> {
  const rows = await db.selectFrom('peer_pairs').select(['a', 'b']).execute();
  return normalPairs(rows.map((row): Pair => [row.a, row.b]));
}

/** Answers whether anything changed. The lock on the matrix' row keeps two puts apart. */
async function replacePairs(trx: Write, wanted: readonly Pair[]): Promise<boolean> {
  await trx.selectFrom('peer_matrix').select('singleton').forUpdate().execute();
  const stored = await storedPairs(trx);
  if (JSON.stringify(stored) === JSON.stringify(wanted)) return false;
  await trx.deleteFrom('peer_pairs').execute();
  if (wanted.length > 0)
    await trx
      .insertInto('peer_pairs')
      .values(wanted.map(([a, b]) => ({ a, b })))
      .execute();
  await trx.updateTable('peer_matrix').set({ updated_at: new Date() }).execute();
  return true;
}
