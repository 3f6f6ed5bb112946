/** One request over a link, as the side that answers sees it. What of it nobody reads stays with the sender. */
import { type FaultCode, type Refusal, refuse } from '@portolan/core';
import type { Arrival, BodySink, Door } from '../../ports.ts';
import { HeldBytes } from '../../stream/held-bytes.ts';
import type { Flow } from './flow.ts';
import { BodyLength, Breach, headText, readHead } from './frames.ts';
import { type Link, NOTHING, type Stream } from './link.ts';

/** From the head of a request to the end of its body: as long as node's HTTP server gives it (`requestTimeout` in node-listeners.ts). */
const REQUEST_MS = 120_000;
const METHOD = /^[A-Z]+$/;

export interface LinkRequest {
  readonly link: Link;
  readonly flow: Flow;
  readonly door: Door;
  /** Of the head. */
  readonly payload: Buffer;
  readonly last: boolean;
}

export class LinkArrival implements Arrival, Stream {
  readonly door: Door;
  readonly flow: Flow;
  readonly method: string;
  readonly httpVersion = 'link';
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHeaders: readonly string[];
  readonly #link: Link;
  readonly #length: BodyLength;
  #complete: boolean;
  #begun = false;
  #over = false;
  #onEnd: ((reason: Refusal) => void) | undefined;
  #sink: BodySink | undefined;
  #wanted = true;
  /** Came before anybody asked for it. */
  #early: HeldBytes | undefined;
  #since: number | undefined;

  /** Throws `Breach`. */
  constructor({ link, flow, door, payload, last }: LinkRequest) {
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
    this.#length = new BodyLength(headers['content-length']);
    this.#complete = last;
    this.#length.count(0, last);
  }

  get begun(): boolean {
    return this.#begun;
  }

  get answered(): boolean {
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
    const early = this.#early?.take();
    this.#early = undefined;
    if (early) this.#pass(early);
    if (this.#complete) sink.end();
    else if (this.#over) sink.cut();
  }

  reply(status: number, headers: string[], body: Buffer | undefined): Promise<void> | undefined {
    if (this.#over) return undefined;
    if (status !== 204) headers.push('content-length', String(body?.length ?? 0));
    this.#head(status, headers, body === undefined);
    return this.#finishAfter(body && this.flow.send(body, true));
  }

  begin(status: number, headers: string[]): void {
    if (!this.#over) this.#head(status, headers, false);
  }

  write(chunk: Buffer): Promise<void> | undefined {
    return this.#over ? undefined : this.flow.send(chunk, false);
  }

  end(fault?: FaultCode): void {
    if (this.#over) return;
    if (fault !== undefined) this.#link.fault(this, fault);
    void this.#finishAfter(fault === undefined ? this.flow.send(NOTHING, true) : undefined);
  }

  cut(): void {
    if (this.#over) return;
    this.#over = true;
    this.#link.reset(this);
  }

  finish(): void {
    this.#early = undefined;
  }

  head(): void {
    throw new Breach('a second head');
  }

  data(bytes: Buffer, last: boolean): void {
    if (this.#complete) throw new Breach('data after the last');
    if (bytes.length === 0 && !last) throw new Breach('data of no bytes');
    this.#length.count(bytes.length, last);
    this.#complete = last;
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

  tick(now: number): void {
    this.#since ??= now;
    if (this.#complete || now - this.#since < REQUEST_MS) return;
    this.#link.reset(this);
    this.lost();
  }

  #take(bytes: Buffer): void {
    this.#early ??= this.#sink ? undefined : new HeldBytes();
    if (this.#early) this.#early.add(bytes);
    else this.#pass(bytes);
  }

  #pass(chunk: Buffer): void {
    // what is not wanted is not counted as read: the sender may send no more of it
    this.#wanted = this.#wanted && (this.#sink?.data(chunk) ?? false);
    if (this.#wanted && !this.#complete) this.flow.read(chunk.length);
  }

  #head(status: number, headers: readonly string[], last: boolean): void {
    const text = headText([String(status)], headers);
    this.#begun = true;
    this.#link.head(this, text, last);
  }

  #finishAfter(sent: Promise<void> | undefined): Promise<void> | undefined {
    if (sent) return sent.then(() => this.#finish());
    this.#finish();
    return undefined;
  }

  /** The answer has ended, and with it the stream; what is still to come of the request is thrown away. */
  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#link.remove(this);
  }
}
