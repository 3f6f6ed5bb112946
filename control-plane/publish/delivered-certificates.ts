/**
 * The ordered certificate of a gateway as its snapshot carries it: chain in clear, key sealed to each replica as session-sealing keys are.
 */
import type { DeliveredCertificate } from '@portolan/core';
import { pairOf } from '../acme/store.ts';
import type { Kek } from '../keys/kek.ts';
import { type ReplicaRow, sealToReplica } from './seal-to-replica.ts';

export interface DeliverableRow {
  /** The gateway. */
  readonly plane: string;
  readonly chain: string | null;
  readonly wrapped_key: Buffer | null;
}

/** Of one chain, by replica. */
interface Made {
  readonly chain: string;
  readonly sealed: Map<string, string>;
}

export class DeliveredCertificates {
  readonly #kek: Kek;
  readonly #onUnreadable: (what: string, error: unknown) => void;
  /** A JWE differs each time it is made, so each is made once. */
  readonly #made = new Map<string, Made>();

  constructor(kek: Kek, onUnreadable: (what: string, error: unknown) => void) {
    this.#kek = kek;
    this.#onUnreadable = onUnreadable;
  }

  /** Undefined before the first, and where the key does not open (another KEK): the gateway then keeps what it has. */
  async deliver(
    row: DeliverableRow | undefined,
    replicas: readonly ReplicaRow[],
  ): Promise<DeliveredCertificate | undefined> {
    if (!row || row.chain === null) return undefined;
    try {
      const made = this.#madeOf(row.plane, row.chain);
      for (const to of replicas)
        if (!made.sealed.has(to.replica)) made.sealed.set(to.replica, await this.#seal(row, to));
      const pairs = replicas.map(({ replica }) => [replica, made.sealed.get(replica) ?? ''] as const);
      return { chain: row.chain, sealed: Object.fromEntries(pairs) };
    } catch (error) {
      this.#onUnreadable(`key of the certificate of gateway ${row.plane}`, error);
      return undefined;
    }
  }

  #madeOf(gateway: string, chain: string): Made {
    const present = this.#made.get(gateway);
    if (present?.chain === chain) return present;
    const made = { chain, sealed: new Map<string, string>() };
    this.#made.set(gateway, made);
    return made;
  }

  async #seal(row: DeliverableRow, to: ReplicaRow): Promise<string> {
    const pair = await pairOf({ kek: this.#kek }, row);
    return sealToReplica(Buffer.from(pair?.key ?? ''), to);
  }
}
