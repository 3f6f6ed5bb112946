/**
 * The body of one HTTP request, unread until a stage asks: authorisation comes first. Framing is node's; here are the bounds.
 * Invariant: what nobody wants is thrown away within bounds after the reply, so that the connection can go on or ends cleanly.
 */
import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse, scan } from '@portolan/core';
import type { UnreadBody } from './context.ts';
import type { Ending } from './ports.ts';
import { isEncoded } from './stream/headers.ts';
import { HeldBytes } from './stream/held-bytes.ts';

const JSON_TYPE = /^application\/json[ \t]*(?:;|$)/i;
/** Of a refused request that was not read: how much is read to find the id that the refusal must echo, and for how long. */
const ECHO_BYTES = 65_536;
const ECHO_MS = 250;
/** How much of an unwanted body is thrown away before the connection is cut. */
const DISCARD_BYTES = 64 * 1024 * 1024;

export class RequestBody implements UnreadBody {
  readonly #request: IncomingMessage;
  readonly #maxBytes: number;
  readonly #ending: Ending;
  #started = false;

  /** `ending`: ends the reading, too, and knows why. */
  constructor(request: IncomingMessage, maxBytes: number, ending: Ending) {
    this.#request = request;
    this.#maxBytes = maxBytes;
    this.#ending = ending;
  }

  read(): Promise<Buffer> {
    const { headers } = this.#request;
    if (!JSON_TYPE.test(headers['content-type'] ?? '') || isEncoded(headers)) throw refuse('media_type');
    if (Number(headers['content-length'] ?? 0) > this.#maxBytes) throw this.#tooLarge();
    return this.#collect();
  }

  /** The JSON-RPC id of a request that was refused unread, as it stands in the body; undefined where that would take too long. */
  async id(): Promise<string | undefined> {
    const length = Number(this.#request.headers['content-length'] ?? Number.NaN);
    if (this.#started || !(length > 0 && length <= Math.min(ECHO_BYTES, this.#maxBytes))) return undefined;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const slow = setTimeout(resolve, ECHO_MS, undefined);
    const body = await Promise.race([this.#collect().catch(() => undefined), promise]);
    clearTimeout(slow);
    return body && scan(body).idBytes;
  }

  /** To be called when the reply has been written. */
  discardRest(): void {
    if (this.#started || this.#request.readableEnded) return;
    this.#collect(0).catch(() => {}); // whoever sends what nobody reads, and then leaves, harms himself alone
  }

  /** Reads to the end whatever happens, because the connection can only go on after it; keeps no more than may be. */
  #collect(keep = this.#maxBytes): Promise<Buffer> {
    this.#started = true;
    const request = this.#request;
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const held = new HeldBytes();
    this.#ending.listen(reject);
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= keep) held.add(chunk);
      else if (size - chunk.length <= keep) reject(this.#tooLarge());
      else if (size > DISCARD_BYTES) request.destroy();
    });
    request.on('end', () => resolve(held.take()));
    request.on('close', () => {
      if (!request.readableEnded) reject(this.#ending.reason ?? refuse('caller_left'));
    });
    return promise;
  }

  #tooLarge(): Refusal {
    return refuse('body_too_large', { expected: `${this.#maxBytes} bytes` });
  }
}
