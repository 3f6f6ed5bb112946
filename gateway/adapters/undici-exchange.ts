/**
 * One exchange over undici's `dispatch`. It knows no servers; its owner says what a failure means. Invariant: reading ahead is bounded.
 */
import type { Dispatcher } from 'undici';
import type { Answer, Ending, Exchange } from '../ports.ts';
import { type Explain, Reception } from './reception.ts';
import type { Lane, Lanes } from './undici-lanes.ts';

/** Bytes that may wait to be read before the socket is paused. */
const READ_AHEAD = 65_536;

/** Of one answer: no server has as many, and what it may have must fit into a head between gateways. */
const MAX_HEADERS = 200;
/** Heads before the answer's own (1xx, RFC 9110 §15.2) that are passed over. */
const MAX_INTERIM = 16;

/** What came is HTTP by its grammar, and still no answer. */
export class NoAnswer extends Error {}

class UndiciReception extends Reception implements Dispatcher.DispatchHandler {
  readonly #explain: Explain;
  readonly #giveBack: () => void;
  #controller: Dispatcher.DispatchController | undefined;
  #ahead = 0;
  #interim = 0;

  constructor(ending: Ending, explain: Explain, giveBack: () => void) {
    super(ending);
    this.#explain = explain;
    this.#giveBack = giveBack;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // the caller may have left while the request waited for a connection
    if (this.isOver) this.abort();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Answer['headers']): void {
    const { rawHeaders } = controller as { readonly rawHeaders?: readonly unknown[] };
    if (rawHeaders && rawHeaders.length > 2 * MAX_HEADERS) {
      controller.abort(new NoAnswer(`more than ${MAX_HEADERS} headers`));
    } else if (status >= 200) this.begun(status, headers);
    else if (++this.#interim > MAX_INTERIM) controller.abort(new NoAnswer(`more than ${MAX_INTERIM} interim heads`));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (chunk.length === 0) return; // its parser's own flush, when it goes on after a pause
    this.#ahead += chunk.length;
    this.arrived(chunk);
    if (this.#ahead > READ_AHEAD) controller.pause();
  }

  onResponseEnd(): void {
    this.#giveBack();
    if (!this.isOver) this.ended();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#giveBack();
    if (!this.isOver) this.failed(this.#explain(error, this.#controller ? 'broken' : 'unsent'));
  }

  protected override taken(bytes: number): void {
    this.#ahead -= bytes;
    if (this.#ahead <= READ_AHEAD / 2 && this.#controller?.paused) this.#controller.resume();
  }

  protected override abort(): void {
    this.#controller?.abort(new Error('left'));
  }
}

/** Sends `exchange` to `path` on a free lane; throws what `explain` makes of a failure, or the reason to end. */
export function openExchange(lanes: Lanes, path: string, exchange: Exchange, explain: Explain): Promise<Answer> {
  if (exchange.ending.reason) throw exchange.ending.reason;
  const lane: Lane = lanes.take();
  const reception = new UndiciReception(exchange.ending, explain, () => lanes.give(lane));
  lane.client.dispatch(
    {
      path,
      method: exchange.method,
      headers: exchange.headers as string[],
      body: exchange.body ?? null,
      // whoever asked knows how long to wait, and for whom
      headersTimeout: 0,
      bodyTimeout: 0,
    },
    reception,
  );
  return reception.answer;
}
