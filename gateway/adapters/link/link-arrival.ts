/** One request over a link, as the side that answers sees it. What of it nobody reads stays with the sender. */
import { type FaultCode, type Refusal, refuse } from '@portolan/core';
import type { Arrival, BodySink, Door } from '../../ports.ts';
import type { Flow } from './flow.ts';
import { Breach, headText, readHead } from './frames.ts';
import type { Link, Stream } from './link.ts';

const NOTHING = Buffer.alloc(0);
const METHOD = /^[A-Z]+$/;

export class LinkArrival implements Arrival, Stream {
  readonly door: Door;
  readonly flow: Flow;
  readonly method: string;
  readonly httpVersion = 'link';
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHeaders: readonly string[];
  readonly #link: Link;
  #complete: boolean;
  #begun = false;
  #over = false;
  #onEnd: ((reason: Refusal) => void) | undefined;
  #sink: BodySink | undefined;
  #wanted = true;
  /** Came before anybody asked for it. */
  #early: Buffer[] = [];

  /** Throws `Breach`. */
  constructor(link: Link, flow: Flow, door: Door, payload: Buffer, last: boolean) {
    const { first, headers, rawHeaders } = readHead(payload, 2);
    const [method = '', target = ''] = first;
    if (!METHOD.test(method) || !target.startsWith('/')) throw new Breach('a request without method and path');
    this.door = door;
    this.flow = flow;
    this.method = method;
    this.target = target;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    this.#link = link;
    this.#complete = last;
  }

  get begun(): boolean {
    return this.#begun;
  }

  get gone(): boolean {
    return this.#over;
  }

  onEnd(listener: (reason: Refusal) => void): void {
    this.#onEnd = listener;
  }

  receive(sink: BodySink): void {
    this.#sink = sink;
    const early = this.#early;
    this.#early = [];
    for (const chunk of early) this.#pass(chunk);
    if (this.#complete) sink.end();
    else if (this.#over) sink.cut();
  }

  reply(status: number, headers: string[], body: Buffer | undefined): void {
    if (this.#over) return;
    if (status !== 204) headers.push('content-length', String(body?.length ?? 0));
    this.#head(status, headers, body === undefined);
    if (body === undefined) this.#finish();
    else this.#finishAfter(this.flow.send(body, true));
  }

  begin(status: number, headers: string[]): void {
    this.#head(status, headers, false);
  }

  write(chunk: Buffer): Promise<void> | undefined {
    return this.#over ? undefined : this.flow.send(chunk, false);
  }

  end(fault?: FaultCode): void {
    if (this.#over) return;
    if (fault !== undefined) this.#link.fault(this, fault);
    this.#finishAfter(fault === undefined ? this.flow.send(NOTHING, true) : undefined);
  }

  cut(): void {
    if (this.#over) return;
    this.#over = true;
    this.#link.reset(this);
  }

  finish(): void {
    this.#early = [];
  }

  head(): void {
    throw new Breach('a second head');
  }

  data(bytes: Buffer, last: boolean): void {
    if (this.#complete) throw new Breach('data after the last');
    this.#complete = last;
    // nothing takes no room in the window: as much of it as anyone likes must not take room here
    if (bytes.length > 0) this.#take(bytes);
    if (last) this.#sink?.end();
  }

  fault(): void {
    throw new Breach('only answers break off');
  }

  lost(): void {
    this.#over = true;
    this.#onEnd?.(refuse('caller_left'));
    if (!this.#complete) this.#sink?.cut();
  }

  tick(): void {}

  #take(bytes: Buffer): void {
    if (this.#sink) this.#pass(bytes);
    else this.#early.push(bytes);
  }

  #pass(chunk: Buffer): void {
    // what is not wanted is not counted as read: the sender may send no more of it
    this.#wanted = this.#wanted && (this.#sink?.data(chunk) ?? false);
    if (this.#wanted && !this.#complete) this.flow.read(chunk.length);
  }

  #head(status: number, headers: readonly string[], last: boolean): void {
    if (this.#over) return;
    const text = headText([String(status)], headers);
    this.#begun = true;
    this.#link.head(this, text, last);
  }

  #finishAfter(sent: Promise<void> | undefined): void {
    if (sent) void sent.then(() => this.#finish());
    else this.#finish();
  }

  /** The answer has ended, and with it the stream; what is still to come of the request is thrown away. */
  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#link.remove(this);
  }
}
