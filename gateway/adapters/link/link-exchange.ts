/** One exchange over a link, as the side that asks sees it. Its owner says what a failure means. */
import { type Refusal, refuse } from '@portolan/core';
import type { Exchange } from '../../ports.ts';
import { Reception } from '../reception.ts';
import type { Flow } from './flow.ts';
import { Breach, headText, readHead } from './frames.ts';
import type { Link, Stream } from './link.ts';

const NOTHING = Buffer.alloc(0);

/** What an error means before anything was sent (`unsent`), or after (`broken`). */
export type Explain = (error: Error, phase: 'unsent' | 'broken') => Refusal;

export class LinkExchange extends Reception implements Stream {
  readonly #exchange: Exchange;
  readonly #explain: Explain;
  #link: Link | undefined;
  #flow: Flow | undefined;
  #begun = false;
  /** Bytes that wait for our reader: as long as there are any, the other side is not the one that is quiet. */
  #unread = 0;
  #heardAt = performance.now();

  constructor(exchange: Exchange, explain: Explain) {
    super(exchange.ending);
    this.#exchange = exchange;
    this.#explain = explain;
  }

  get flow(): Flow {
    if (!this.#flow) throw new Error('not sent yet');
    return this.#flow;
  }

  /** Sends the request; does nothing where the caller has left meanwhile. Throws `TypeError` for headers that cannot be written. */
  send(link: Link, path: string): void {
    if (this.isOver) return;
    const { body, headers, method } = this.#exchange;
    const length = body ? ['content-length', String(body.length)] : [];
    const text = headText([method, path], headers.concat(length));
    const flow = link.open();
    if (flow) {
      this.#link = link;
      this.#flow = flow;
      link.add(this);
      link.head(this, text, body === undefined);
      if (body) void flow.send(body, true);
    } else this.failed(refuse('overloaded', { detail: 'too many exchanges with one gateway' }));
  }

  /** No connection could be made. */
  unsent(error: Error): void {
    if (!this.isOver) this.failed(this.#explain(error, 'unsent'));
  }

  head(payload: Buffer, last: boolean): void {
    if (this.#begun) throw new Breach('a second head');
    this.#begun = true;
    const { first, headers } = readHead(payload, 1);
    const [status = ''] = first;
    if (!/^[2-5]\d\d$/.test(status)) throw new Breach('a head without a status');
    this.begun(Number(status), headers);
    this.data(NOTHING, last);
  }

  data(bytes: Buffer, last: boolean): void {
    if (!this.#begun) throw new Breach('data before the head');
    this.#heardAt = performance.now();
    if (bytes.length > 0) {
      this.#unread += bytes.length;
      this.arrived(bytes);
    }
    if (last) this.#finish();
  }

  fault(code: string): void {
    if (!this.#begun) throw new Breach('a fault before the head');
    this.#finish(code);
  }

  lost(error: Error | undefined): void {
    this.failed(this.#explain(error ?? new Error('it has ended the exchange'), 'broken'));
  }

  tick(now: number): void {
    const { idleTimeoutMs } = this.#exchange;
    if (idleTimeoutMs === 0 || this.#unread > 0 || now - this.#heardAt < idleTimeoutMs) return;
    this.failed(this.#explain(new IdleTimeout(`no byte for ${idleTimeoutMs} ms`), 'broken'));
    this.abort();
  }

  protected override taken(bytes: number): void {
    this.#unread -= bytes;
    if (!this.isOver) this.#flow?.read(bytes);
  }

  protected override abort(): void {
    this.#link?.reset(this);
  }

  #finish(fault?: string): void {
    this.ended(fault);
    this.#link?.remove(this);
  }
}

/** Nothing has come for too long. */
export class IdleTimeout extends Error {}
