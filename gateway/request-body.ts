/**
 * The body of one HTTP request, unread until a stage asks: authorisation comes first. Framing is node's; here are the bounds.
 * Invariant: what nobody read is thrown away within bounds after the reply, so that the connection can go on or ends cleanly.
 */
import type { IncomingMessage } from 'node:http';
import { refuse, scan } from '@portolan/core';
import type { UnreadBody } from './context.ts';
import { collect } from './stream/collect.ts';
import { isEncoded } from './stream/headers.ts';

const JSON_TYPE = /^application\/json[ \t]*(?:;|$)/i;
/** Of a refused request that was not read: how much is read to find the id that the refusal must echo, and for how long. */
const ECHO_BYTES = 65_536;
const ECHO_MS = 250;
/** How much of an unwanted body is thrown away before the connection is cut. */
const DISCARD_BYTES = 64 * 1024 * 1024;

export class RequestBody implements UnreadBody {
  readonly #request: IncomingMessage;
  readonly #maxBytes: number;
  readonly #signal: AbortSignal;
  #started = false;

  constructor(request: IncomingMessage, maxBytes: number, signal: AbortSignal) {
    this.#request = request;
    this.#maxBytes = maxBytes;
    this.#signal = signal;
  }

  read(): Promise<Buffer> {
    const { headers } = this.#request;
    if (!JSON_TYPE.test(headers['content-type'] ?? '') || isEncoded(headers)) throw refuse('media_type');
    const tooLarge = () => refuse('body_too_large', { expected: `${this.#maxBytes} bytes` });
    if (Number(headers['content-length'] ?? 0) > this.#maxBytes) throw tooLarge();
    this.#started = true;
    return collect(this.#request, { maxBytes: this.#maxBytes, signal: this.#signal, tooLarge }).catch((error) => {
      throw error.code === 'body_too_large' ? error : refuse('caller_left', { cause: error });
    });
  }

  /** The JSON-RPC id of a request that was refused unread, as it stands in the body; undefined where that would take too long. */
  async id(): Promise<string | undefined> {
    const length = Number(this.#request.headers['content-length'] ?? Number.NaN);
    if (this.#started || !(length > 0 && length <= ECHO_BYTES)) return undefined;
    this.#started = true;
    const signal = AbortSignal.timeout(ECHO_MS);
    try {
      return scan(await collect(this.#request, { maxBytes: ECHO_BYTES, signal, tooLarge: () => new Error() })).idBytes;
    } catch {
      return undefined; // too slow, or broken off: the refusal goes without
    }
  }

  /** To be called when the reply has been written. */
  discardRest(): void {
    const request = this.#request;
    if (request.readableEnded || request.destroyed) return;
    let left = DISCARD_BYTES;
    request.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) request.destroy();
    });
    request.on('error', () => {}); // whoever sends more than he may, and then leaves, harms himself alone
    request.resume();
  }
}
