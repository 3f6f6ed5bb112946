/**
 * Keeps retired gateways off NATS: told who is revoked, and told when the link is up, it sees that the server knows. What fails is tried again.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Link, Revoked } from '../nats/index.ts';

const RETRY_MS = 1_000;

export interface RevokerSettings {
  readonly link: Link;
  readonly onTrouble: (error: Error) => void;
  readonly signal: AbortSignal;
}

/** A server starts with an account that revokes nobody. */
const NOBODY = '{}';

export class Revoker {
  readonly #settings: RevokerSettings;
  #wanted: Revoked = {};
  #known = NOBODY;
  #busy = false;

  constructor(settings: RevokerSettings) {
    this.#settings = settings;
  }

  want(revoked: Revoked): void {
    this.#wanted = revoked;
    void this.#settle();
  }

  /** The link is up: the server may be another one. */
  compare(): void {
    this.#known = NOBODY;
    void this.#settle();
  }

  async #settle(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#isDue()) await this.#push(this.#wanted);
    this.#busy = false;
  }

  #isDue(): boolean {
    const { link, signal } = this.#settings;
    return link.connected() && !signal.aborted && JSON.stringify(this.#wanted) !== this.#known;
  }

  async #push(revoked: Revoked): Promise<void> {
    try {
      await this.#settings.link.revoke(revoked);
      this.#known = JSON.stringify(revoked);
    } catch (error) {
      if (!this.#settings.signal.aborted) this.#settings.onTrouble(error as Error);
      await wait(RETRY_MS, undefined, { signal: this.#settings.signal }).catch(() => {});
    }
  }
}
