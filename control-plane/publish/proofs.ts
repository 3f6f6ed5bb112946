/**
 * Proof digests of tokens, `sha256(HMAC(k, gateway))` for each gateway, from hop keys that the database holds sealed.
 * Kept between renderings: unsealing and hashing every token for every gateway at each change would cost more than all the rest.
 */
import { hopProof, proofDigest } from '@portolan/core';
import { hopKeyAad, type Kek } from '../keys/kek.ts';
import type { TokenRow } from './registry-rows.ts';

interface Known {
  /** Undefined: it does not open. */
  readonly hopKey: Buffer | undefined;
  /** Gateway → base64url. */
  readonly digests: Map<string, string>;
}

export class Proofs {
  readonly #kek: Kek;
  readonly #onUnreadable: (what: string, error: unknown) => void;
  #known = new Map<string, Known>();

  constructor(kek: Kek, onUnreadable: (what: string, error: unknown) => void) {
    this.#kek = kek;
    this.#onUnreadable = onUnreadable;
  }

  /** Opens what is new and forgets what is gone. */
  async load(tokens: readonly TokenRow[]): Promise<void> {
    const next = new Map<string, Known>();
    for (const token of tokens) next.set(token.id, this.#known.get(token.id) ?? (await this.#open(token)));
    this.#known = next;
  }

  digest(tokenId: string, gateway: string): string | undefined {
    const known = this.#known.get(tokenId);
    if (known?.hopKey === undefined) return undefined;
    const present = known.digests.get(gateway) ?? proofDigest(hopProof(known.hopKey, gateway)).toString('base64url');
    known.digests.set(gateway, present);
    return present;
  }

  async #open(token: TokenRow): Promise<Known> {
    try {
      return { hopKey: await this.#kek.open(token.sealedHopKey, hopKeyAad(token.id)), digests: new Map() };
    } catch (error) {
      this.#onUnreadable(`hop key of token ${token.id}`, error);
      return { hopKey: undefined, digests: new Map() };
    }
  }
}
