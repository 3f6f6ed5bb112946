/**
 * The token that each connection showed last and that was found good: a client keeps its connection and shows the same token with every call, which
 * need not be hashed again each time. Whether it has expired is still asked every time.
 * Invariant: it counts on this connection alone, byte for byte, and no longer than the snapshot entry that it was compared with.
 */
import type { CheckableToken, Door, Tables } from './ports.ts';

export interface ShownToken {
  /** The header as it was sent. */
  readonly authorization: string;
  readonly token: CheckableToken;
  readonly secret: string;
}

export class ShownTokens {
  readonly #last = new WeakMap<Door, ShownToken>();

  /** Undefined where it must be compared with the digest. */
  recall(door: Door, authorization: string, tables: Tables): ShownToken | undefined {
    const last = this.#last.get(door);
    return last?.authorization === authorization && tables.tokens.get(last.token.id) === last.token ? last : undefined;
  }

  /** `shown` must have been compared with the digest of its token. */
  keep(door: Door, shown: ShownToken): ShownToken {
    this.#last.set(door, shown);
    return shown;
  }
}
