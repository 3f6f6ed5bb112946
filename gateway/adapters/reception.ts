/**
 * An answer on its way in, below every transport: a promise for the head, then the body pulled chunk by chunk.
 * Invariant: whoever leaves (ending, or end of iteration) ends the exchange at once, head pending or not; what has been received is still read before
 * the reason is thrown.
 */
import type { Refusal } from '@portolan/core';
import type { Answer, AnswerBody, Ending } from '../ports.ts';
import { HeldBytes } from '../stream/held-bytes.ts';

/** What a failure means: `unsent` before the request was written, `broken` after. */
export type Explain = (error: Error, phase: 'unsent' | 'broken') => Refusal;

type Step = IteratorResult<Buffer, undefined>;
const DONE: Step = { done: true, value: undefined };
/** Chunks that wait one by one; who sends many small ones gets them joined. */
const SEPARATE = 16;

export abstract class Reception implements AnswerBody, AsyncIterableIterator<Buffer, undefined> {
  readonly #head = Promise.withResolvers<Answer>();
  readonly #ending: Ending;
  /** As they came: an event need not wait for the one behind it. */
  readonly #queue: Buffer[] = [];
  /** What comes after `SEPARATE` of them. */
  #rest: HeldBytes | undefined;
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
    const value = this.#queue.shift() ?? this.#takeRest();
    if (value) {
      this.taken(value.length);
      return Promise.resolve({ done: false, value });
    }
    if (this.#over === 'ended') return Promise.resolve(DONE);
    if (this.#over) return Promise.reject(this.#over);
    this.#waiting = Promise.withResolvers<Step>();
    return this.#waiting.promise;
  }

  whole(): Buffer | undefined {
    if (this.#over !== 'ended') return undefined;
    const chunks = this.#takeAll();
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  }

  return(): Promise<Step> {
    this.#takeAll();
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
    this.#ending.heard();
    this.#head.resolve({ status, headers, body: this, brokenBy: () => this.#fault });
  }

  protected arrived(chunk: Buffer): void {
    this.#ending.heard();
    if (this.#waiting) {
      this.#waiting.resolve({ done: false, value: chunk });
      this.#waiting = undefined;
      this.taken(chunk.length);
    } else if (this.#queue.length < SEPARATE && !this.#rest) this.#queue.push(chunk);
    else {
      this.#rest ??= new HeldBytes();
      this.#rest.add(chunk);
    }
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

  #takeRest(): Buffer | undefined {
    const rest = this.#rest?.take();
    this.#rest = undefined;
    return rest;
  }

  #takeAll(): readonly Buffer[] {
    const rest = this.#takeRest();
    const all = this.#queue.splice(0);
    return rest ? [...all, rest] : all;
  }

  #leave(reason: Refusal): void {
    this.#takeAll();
    this.failed(reason);
    this.abort();
  }
}
