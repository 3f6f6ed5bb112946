/**
 * The proofs that this gateway, as entry, sends in place of tokens; made once a token, peer and snapshot, because an HMAC costs more than
 * all else that a hop adds here. Only verified secrets come in. Invariant: a proof is forgotten with the snapshot entry of its token.
 */
import { type HopCaller, hopKey, hopProof } from '@portolan/core';
import type { CheckableToken } from './ports.ts';

export class Proofs {
  readonly #made = new WeakMap<CheckableToken, Map<string, HopCaller>>();

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
}
