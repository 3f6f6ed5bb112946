/**
 * The proofs that cross a hop in place of tokens: those that this gateway sends as entry, and those that it was shown and found good. Each is made
 * and checked once a snapshot, because an HMAC or a digest costs more than all else that a hop adds here.
 * Invariant: a proof is forgotten with the snapshot entry of its token.
 */
import { type HopCaller, hopKey, hopProof, proofDigest, sameDigest } from '@portolan/core';
import type { CheckableToken } from './ports.ts';

export class Proofs {
  readonly #made = new WeakMap<CheckableToken, Map<string, HopCaller>>();
  readonly #good = new WeakMap<CheckableToken, Buffer>();

  /** `secret` must have been compared with the digest of `token`. */
  make(token: CheckableToken, secret: string, handlingGateway: string): HopCaller {
    const known = this.#made.get(token) ?? new Map<string, HopCaller>();
    this.#made.set(token, known);
    const made = known.get(handlingGateway);
    if (made) return made;
    const proof = hopProof(hopKey(secret), handlingGateway);
    const caller = { kind: token.kind, id: token.id, proof };
    known.set(handlingGateway, caller);
    return caller;
  }

  /** Is this the proof whose digest the snapshot holds? */
  isGood(token: CheckableToken, proof: Buffer): boolean {
    const known = this.#good.get(token);
    if (known && sameDigest(known, proof)) return true;
    const good = sameDigest(proofDigest(proof), token.proofSha256);
    if (good) this.#good.set(token, proof);
    return good;
  }
}
