/**
 * Session-sealing keys of a gateway: made here, kept in the database under the KEK, delivered to each replica as a JWE (RFC 7516) to that replica's own key.
 * A new one seals after 30 days; an old one opens for 30 days more, so that no session is lost, and is then removed.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { SealedKey } from '@portolan/core';
import type { Transaction } from 'kysely';
import type { Database } from '../db/index.ts';
import { type Kek, sealingKeyAad } from '../keys/kek.ts';
import { type ReplicaRow, sealToReplica } from './seal-to-replica.ts';

const DAY_MS = 86_400_000;
const SEALS_FOR_MS = 30 * DAY_MS;
const OPENS_FOR_MS = 30 * DAY_MS;

export interface SealingKeyRow {
  readonly gateway: string;
  readonly kid: string;
  readonly createdAt: number;
  readonly wrapped: Buffer;
}

/** Pure: is another needed, and which (newest first) are no longer. */
export function planKeys(
  newestFirst: readonly Pick<SealingKeyRow, 'kid' | 'createdAt'>[],
  now: number,
): { readonly make: boolean; readonly drop: readonly string[] } {
  const [newest] = newestFirst;
  const drop = newestFirst.flatMap(({ kid }, i) => {
    const successor = newestFirst[i - 1];
    return successor && now - successor.createdAt > OPENS_FOR_MS ? [kid] : [];
  });
  return { make: newest === undefined || now - newest.createdAt > SEALS_FOR_MS, drop };
}

/** Makes, removes and seals the keys. */
export class SealingKeys {
  readonly #kek: Kek;
  readonly #onUnreadable: (what: string, error: unknown) => void;
  /** By replica and key: a JWE differs each time it is made, so each is made once. */
  #made = new Map<string, Map<string, string>>();

  constructor(kek: Kek, onUnreadable: (what: string, error: unknown) => void) {
    this.#kek = kek;
    this.#onUnreadable = onUnreadable;
  }

  /** Brings the keys of one gateway to plan and answers them, newest first. */
  async ensure(
    trx: Transaction<Database>,
    gateway: string,
    newestFirst: readonly SealingKeyRow[],
    now: number,
  ): Promise<readonly SealingKeyRow[]> {
    const { make, drop } = planKeys(newestFirst, now);
    if (drop.length > 0)
      await trx.deleteFrom('sealing_keys').where('gateway', '=', gateway).where('kid', 'in', drop).execute();
    const kept = newestFirst.filter(({ kid }) => !drop.includes(kid));
    return make ? [await this.#make(trx, gateway, now), ...kept] : kept;
  }

  /** Each key to each replica; one that does not open (another KEK) is left out. */
  async seal(keys: readonly SealingKeyRow[], replicas: readonly ReplicaRow[]): Promise<SealedKey[]> {
    const sealed = await Promise.all(keys.map((key) => this.#sealToAll(key, replicas)));
    return sealed.filter((key) => key !== undefined);
  }

  /** Pods come and go with new keys each time. `replicas`: of each gateway, those that are left. */
  forgetAllBut(replicas: ReadonlyMap<string, readonly ReplicaRow[]>): void {
    const left = [...replicas.values()].flat().map(({ replica }) => replica);
    this.#made = new Map(left.map((replica) => [replica, this.#made.get(replica) ?? new Map()]));
  }

  async #make(trx: Transaction<Database>, gateway: string, now: number): Promise<SealingKeyRow> {
    const kid = randomUUID();
    const wrapped = await this.#kek.seal(randomBytes(32), sealingKeyAad(gateway, kid));
    await trx
      .insertInto('sealing_keys')
      .values({ gateway, kid, wrapped, created_at: new Date(now) })
      .execute();
    return { gateway, kid, createdAt: now, wrapped };
  }

  async #sealToAll(key: SealingKeyRow, replicas: readonly ReplicaRow[]): Promise<SealedKey | undefined> {
    try {
      const pairs = replicas.map(async (to) => [to.replica, await this.#sealTo(key, to)] as const);
      return { kid: key.kid, createdAt: key.createdAt, sealed: Object.fromEntries(await Promise.all(pairs)) };
    } catch (error) {
      this.#onUnreadable(`session-sealing key ${key.kid} of gateway ${key.gateway}`, error);
      return undefined;
    }
  }

  async #sealTo(key: SealingKeyRow, to: ReplicaRow): Promise<string> {
    const made = this.#made.get(to.replica);
    const present = made?.get(key.kid);
    if (present !== undefined) return present;
    const plain = await this.#kek.open(key.wrapped, sealingKeyAad(key.gateway, key.kid));
    const jwe = await sealToReplica(plain, to);
    made?.set(key.kid, jwe);
    return jwe;
  }
}
