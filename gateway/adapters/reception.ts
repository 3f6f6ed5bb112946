/**
 * An answer on its way in, below every transport: a promise for the head, then the body pulled chunk by chunk.
 * Invariant: whoever leaves (ending, or end of iteration) ends the exchange at once, head pending or not; what has been received is still read before
 * the reason is thrown.
 */
import type { Refusal } from '@portolan/core';
import type { Answer, AnswerBody, Ending } from '../ports.ts';

type Step = IteratorResult<Buffer, undefined>;
const DONE: Step = { done: true, value: undefined };

export abstract class Reception implements AnswerBody, AsyncIterableIterator<Buffer, undefined> {
  readonly #head = Promise.withResolvers<Answer>();
  readonly #ending: Ending;
  readonly #queue: Buffer[] = [];
  #waiting: PromiseWithResolvers<Step> | undefined;
  #over: 'ended' | Refusal | undefined;
  #fault: string | undefined;

  constructor(ending: Ending) {
    this.#ending = ending;
    ending.listen((reason) => this.#leave(reason));
  }

  get answer(): Promise<Answer> {
    return this.#head.promise;
  }

  next(): Promise<Step> {
    const chunk = this.#queue.shift();
    if (chunk) {
      this.taken(chunk.length);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#over === 'ended') return Promise.resolve(DONE);
    if (this.#over) return Promise.reject(this.#over);
    this.#waiting = Promise.withResolvers<Step>();
    return this.#waiting.promise;
  }

  whole(): Buffer | undefined {
    if (this.#over !== 'ended') return undefined;
    const chunks = this.#queue.splice(0);
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  }

  return(): Promise<Step> {
    this.#queue.length = 0;
    if (this.#over === undefined) {
      this.ended();
      this.abort();
    }
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  protected get isOver(): boolean {
    return this.#over !== undefined;
  }

  protected begun(status: number, headers: Answer['headers']): void {
    this.#head.resolve({ status, headers, body: this, brokenBy: () => this.#fault });
  }

  protected arrived(chunk: Buffer): void {
    if (this.#waiting) {
      this.#waiting.resolve({ done: false, value: chunk });
      this.#waiting = undefined;
      this.taken(chunk.length);
    } else this.#queue.push(chunk);
  }

  /** `fault`: what broke the body off at a peer, if it says so. */
  protected ended(fault?: string): void {
    this.#fault = fault;
    this.#over = 'ended';
    this.#ending.listen(undefined);
    this.#waiting?.resolve(DONE);
  }

  protected failed(reason: Refusal): void {
    this.#over = reason;
    this.#ending.listen(undefined);
    this.#head.reject(reason);
    this.#waiting?.reject(reason);
  }

  /** The reader has read so many bytes more. */
  protected abstract taken(bytes: number): void;
  /** Nobody wants the rest. */
  protected abstract abort(): void;

  #leave(reason: Refusal): void {
    this.#queue.length = 0;
    this.failed(reason);
    this.abort();
  }
}
