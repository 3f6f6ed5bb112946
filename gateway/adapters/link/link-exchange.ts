/** One exchange over a link, as the side that asks sees it. Its owner says what a failure means. */
import type { Exchange } from '../../ports.ts';
import { type Explain, Reception } from '../reception.ts';
import type { Flow } from './flow.ts';
import { BodyLength, Breach, headText, readHead } from './frames.ts';
import { type Link, NOTHING, type Stream } from './link.ts';

/** The link has no place for another stream. */
export class TooMany extends Error {}

export class LinkExchange extends Reception implements Stream {
  readonly #exchange: Exchange;
  readonly #explain: Explain;
  #link: Link | undefined;
  #flow: Flow | undefined;
  /** Known with the head. */
  #length: BodyLength | undefined;

  constructor(exchange: Exchange, explain: Explain) {
    super(exchange.ending);
    this.#exchange = exchange;
    this.#explain = explain;
  }

  get flow(): Flow {
    if (!this.#flow) throw new Error('not sent yet');
    return this.#flow;
  }

  get answered(): boolean {
    return this.#length !== undefined;
  }

  /** Sends the request, or fails; does nothing where the caller has left meanwhile. */
  send(link: Link, path: string): void {
    if (this.isOver) return;
    try {
      this.#send(link, path);
    } catch (error) {
      this.unsent(error as Error);
    }
  }

  /** It could not be sent. */
  unsent(error: Error): void {
    if (!this.isOver) this.failed(this.#explain(error, 'unsent'));
  }

  head(payload: Buffer, last: boolean): void {
    if (this.#length) throw new Breach('a second head');
    const { first, headers } = readHead(payload, 1);
    const [status = ''] = first;
    if (!/^[2-5]\d\d$/.test(status)) throw new Breach('a head without a status');
    this.#length = new BodyLength(headers['content-length']);
    this.begun(Number(status), headers);
    if (last) this.data(NOTHING, true);
  }

  data(bytes: Buffer, last: boolean): void {
    if (!this.#length) throw new Breach('data before the head');
    if (bytes.length === 0 && !last) throw new Breach('data of no bytes');
    this.#length.count(bytes.length, last);
    if (bytes.length > 0) this.arrived(bytes);
    if (last) this.#finish();
  }

  fault(code: string): void {
    if (!this.#length || this.#length.isAnnounced) throw new Breach('a fault where there was no open body');
    this.#finish(code);
  }

  lost(error: Error | undefined): void {
    this.failed(this.#explain(error ?? new Error('it has ended the exchange'), 'broken'));
  }

  /** Whoever asked counts the silence. */
  tick(): void {}

  protected override taken(bytes: number): void {
    if (!this.isOver) this.#flow?.read(bytes);
  }

  protected override abort(): void {
    this.#link?.reset(this);
  }

  #send(link: Link, path: string): void {
    const { body, headers, method } = this.#exchange;
    const length = body ? ['content-length', String(body.length)] : [];
    const text = headText([method, path], headers.concat(length));
    const flow = link.open();
    if (!flow) throw new TooMany('too many exchanges with one gateway');
    this.#link = link;
    this.#flow = flow;
    link.add(this);
    link.head(this, text, body === undefined);
    if (body) void flow.send(body, true);
  }

  #finish(fault?: string): void {
    this.ended(fault);
    this.#link?.remove(this);
  }
}
