/**
 * The body of one request, unread until a stage asks: authorisation comes first. Framing is the connection's; here are the bounds.
 */
import { type Refusal, refuse, scan } from '@portolan/core';
import type { UnreadBody } from './context.ts';
import type { Arrival, BodySink, Ending } from './ports.ts';
import { isEncoded } from './stream/headers.ts';
import { HeldBytes } from './stream/held-bytes.ts';

const JSON_TYPE = /^application\/json[ \t]*(?:;|$)/i;
/** Of a refused request that was not read: how much is read to find the id that the refusal must echo, and for how long. */
const ECHO_BYTES = 65_536;
const ECHO_MS = 250;

export class RequestBody implements UnreadBody, BodySink {
  readonly #arrival: Arrival;
  readonly #maxBytes: number;
  readonly #ending: Ending;
  #held: HeldBytes | undefined;
  #collecting: PromiseWithResolvers<Buffer> | undefined;

  /** `ending`: ends the reading, too, and knows why. */
  constructor(arrival: Arrival, maxBytes: number, ending: Ending) {
    this.#arrival = arrival;
    this.#maxBytes = maxBytes;
    this.#ending = ending;
  }

  read(): Promise<Buffer> {
    const { headers } = this.#arrival;
    if (!JSON_TYPE.test(String(headers['content-type'] ?? '')) || isEncoded(headers)) throw refuse('media_type');
    if (Number(headers['content-length'] ?? 0) > this.#maxBytes) throw this.#tooLarge();
    return this.#collect();
  }

  /** The JSON-RPC id of a request that was refused unread, as it stands in the body; undefined where that would take too long. */
  async id(): Promise<string | undefined> {
    const length = Number(this.#arrival.headers['content-length'] ?? Number.NaN);
    if (this.#collecting || !(length > 0 && length <= Math.min(ECHO_BYTES, this.#maxBytes))) return undefined;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const slow = setTimeout(resolve, ECHO_MS, undefined);
    const body = await Promise.race([this.#collect().catch(() => undefined), promise]);
    clearTimeout(slow);
    return body && scan(body).idBytes;
  }

  data(chunk: Buffer): boolean {
    this.#held ??= new HeldBytes();
    this.#held.add(chunk);
    if (this.#held.size <= this.#maxBytes) return true;
    this.#held = undefined;
    this.#collecting?.reject(this.#tooLarge());
    return false;
  }

  end(): void {
    this.#collecting?.resolve(this.#held?.take() ?? Buffer.alloc(0));
  }

  cut(): void {
    this.#collecting?.reject(this.#ending.reason ?? refuse('caller_left'));
  }

  #collect(): Promise<Buffer> {
    const collecting = Promise.withResolvers<Buffer>();
    this.#collecting = collecting;
    this.#ending.listen(collecting.reject);
    this.#arrival.receive(this);
    return collecting.promise;
  }

  #tooLarge(): Refusal {
    return refuse('body_too_large', { expected: `${this.#maxBytes} bytes` });
  }
}
