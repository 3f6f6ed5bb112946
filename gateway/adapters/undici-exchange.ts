/**
 * One exchange over undici's `dispatch`: a promise for the head, then the body pulled chunk by chunk. Below both transports.
 * It knows no peers and no servers; its owner says what a failure means. Invariant: reading ahead is bounded, and whoever leaves
 * (ending, or end of iteration) ends the exchange at once, connection pending or not.
 */
import type { Refusal } from '@portolan/core';
import type { Dispatcher } from 'undici';
import type { Answer, Ending, Exchange } from '../ports.ts';
import type { Lane, Lanes } from './undici-lanes.ts';

/** Bytes that may wait to be read before the socket is paused. */
const READ_AHEAD = 65_536;

/** What a failure means: `unsent` before the request was written, `broken` after. */
export type Explain = (error: Error, phase: 'unsent' | 'broken') => Refusal;

type Step = IteratorResult<Buffer, undefined>;
const DONE: Step = { done: true, value: undefined };

class Reception implements Dispatcher.DispatchHandler, AsyncIterableIterator<Buffer, undefined> {
  readonly head = Promise.withResolvers<Answer>();
  readonly #ending: Ending;
  readonly #explain: Explain;
  readonly #giveBack: () => void;
  readonly #queue: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #waiting: PromiseWithResolvers<Step> | undefined;
  #queued = 0;
  #trailers: Answer['headers'] = {};
  #over: 'ended' | Refusal | undefined;

  constructor(ending: Ending, explain: Explain, giveBack: () => void) {
    this.#ending = ending;
    this.#explain = explain;
    this.#giveBack = giveBack;
    ending.listen((reason) => this.#leave(reason));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // the caller may have left while the request waited for a connection
    if (this.#over !== undefined) controller.abort(new Error('left'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Answer['headers']): void {
    if (status >= 200) this.head.resolve({ status, headers, body: this, trailers: () => this.#trailers });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#waiting) {
      this.#waiting.resolve({ done: false, value: chunk });
      this.#waiting = undefined;
      return;
    }
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    if (this.#queued > READ_AHEAD) controller.pause();
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: Answer['headers'] | undefined): void {
    this.#giveBack();
    if (this.#over !== undefined) return;
    if (trailers) this.#trailers = trailers;
    this.#over = 'ended';
    this.#ending.listen(undefined);
    this.#waiting?.resolve(DONE);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#giveBack();
    if (this.#over === undefined) this.#fail(this.#explain(error, this.#controller ? 'broken' : 'unsent'));
  }

  next(): Promise<Step> {
    const chunk = this.#queue.shift();
    if (chunk) return Promise.resolve(this.#take(chunk));
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
      this.#over = 'ended';
      this.#ending.listen(undefined);
      this.#controller?.abort(new Error('left'));
    }
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(chunk: Buffer): Step {
    this.#queued -= chunk.length;
    if (this.#queued <= READ_AHEAD / 2 && this.#controller?.paused) this.#controller.resume();
    return { done: false, value: chunk };
  }

  #leave(reason: Refusal): void {
    this.#queue.length = 0;
    this.#fail(reason);
    this.#controller?.abort(new Error('left'));
  }

  /** What has been received already is still read, then the reason is thrown. */
  #fail(reason: Refusal): void {
    this.#over = reason;
    this.#ending.listen(undefined);
    this.head.reject(reason);
    this.#waiting?.reject(reason);
  }
}

/** Sends `exchange` to `path` on a free lane; throws what `explain` makes of a failure, or the reason to end. */
export function openExchange(lanes: Lanes, path: string, exchange: Exchange, explain: Explain): Promise<Answer> {
  if (exchange.ending.reason) throw exchange.ending.reason;
  const lane: Lane = lanes.take();
  const reception = new Reception(exchange.ending, explain, () => lanes.give(lane));
  lane.client.dispatch(
    {
      path,
      method: exchange.method,
      headers: exchange.headers as string[],
      body: exchange.body ?? null,
      headersTimeout: exchange.idleTimeoutMs,
      bodyTimeout: exchange.idleTimeoutMs,
    },
    reception,
  );
  return reception.head.promise;
}
