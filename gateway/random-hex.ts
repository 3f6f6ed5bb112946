/**
 * Random hex digits for the ids of requests, traces and spans: drawn from the system's generator by the kilobyte, because each call needs three and
 * asking for each costs more than the rest of making them. Not for secrets: what is to be used next lies in memory.
 */
import { randomBytes } from 'node:crypto';
import type { RandomDigits } from '@portolan/core';

const BYTES = 2_048;

export class RandomHex implements RandomDigits {
  #digits = '';
  #at = 0;

  /** `count` lower-case hex digits; at most 4,096. */
  take(count: number): string {
    if (this.#at + count > this.#digits.length) {
      this.#digits = randomBytes(BYTES).toString('hex');
      this.#at = 0;
    }
    this.#at += count;
    return this.#digits.slice(this.#at - count, this.#at);
  }
}
