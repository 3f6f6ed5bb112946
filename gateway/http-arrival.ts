/**
 * `Arrival` over node's HTTP/1.1. Invariant: the connection can go on after every answer, or ends: what nobody wants of a body is thrown away within
 * bounds.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FaultCode, type Refusal, refuse } from '@portolan/core';
import type { Arrival, BodySink, Door } from './ports.ts';
import { FAULT_HEADER } from './stream/fault-header.ts';

/** How much of an unwanted body is thrown away before the connection is cut. */
const DISCARD_BYTES = 64 * 1024 * 1024;
/** Longer bodies are not worth copying. */
const ONE_WRITE_BYTES = 8_192;

const UNWANTED: BodySink = { data: () => false, end: () => {}, cut: () => {} };

/** `underWay`: its requests that are not answered yet, or not received to their end; more than one where a client pipelines. */
export interface HttpConnection {
  readonly door: Door;
  readonly underWay: HttpArrival[];
}

export class HttpArrival implements Arrival {
  readonly #connection: HttpConnection;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #received = false;
  #onEnd: ((reason: Refusal) => void) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, connection: HttpConnection) {
    connection.underWay.push(this);
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    response.once('close', () => {
      if (!response.writableEnded) this.fail(refuse('caller_left'));
    });
  }

  get door(): Door {
    return this.#connection.door;
  }
  get method(): string {
    return this.#request.method ?? '';
  }
  get httpVersion(): string {
    return this.#request.httpVersion;
  }
  get target(): string {
    return this.#request.url ?? '';
  }
  get headers(): IncomingMessage['headers'] {
    return this.#request.headers;
  }
  get rawHeaders(): readonly string[] {
    return this.#request.rawHeaders;
  }
  get begun(): boolean {
    return this.#response.headersSent;
  }
  get gone(): boolean {
    return this.#response.destroyed;
  }
  /** Has the request come to its end? */
  get complete(): boolean {
    return this.#request.complete;
  }

  onEnd(listener: (reason: Refusal) => void): void {
    this.#onEnd = listener;
  }

  /** The request ends here. */
  fail(reason: Refusal): void {
    this.#onEnd?.(reason);
  }

  receive(sink: BodySink): void {
    this.#received = true;
    const request = this.#request;
    let wanted = true;
    let discarded = 0;
    request.on('data', (chunk: Buffer) => {
      if (wanted) wanted = sink.data(chunk);
      else discarded += chunk.length;
      if (discarded > DISCARD_BYTES) request.destroy();
    });
    request.on('end', () => sink.end());
    request.on('close', () => {
      if (!request.readableEnded) sink.cut();
    });
  }

  reply(status: number, headers: string[], body: Buffer | undefined): undefined {
    if (status !== 204) headers.push('content-length', String(body?.length ?? 0));
    const response = this.#response.writeHead(status, headers);
    // node joins head and body into one write only where both are text; latin1 gives every byte back as it was
    if (body !== undefined && body.length <= ONE_WRITE_BYTES) response.end(body.toString('latin1'), 'latin1');
    else response.end(body);
  }

  begin(status: number, headers: string[]): void {
    this.#response.writeHead(status, headers).flushHeaders();
  }

  write(chunk: Buffer): Promise<void> | undefined {
    const response = this.#response;
    return response.write(chunk) || response.destroyed ? undefined : writable(response);
  }

  end(fault?: FaultCode): void {
    if (fault) this.#response.addTrailers([[FAULT_HEADER, fault]]);
    this.#response.end();
  }

  cut(): void {
    this.#response.destroy();
  }

  finish(): void {
    const request = this.#request;
    if (!this.#received && !request.readableEnded) this.receive(UNWANTED);
    if (request.complete) this.#leave();
    else request.once('close', () => this.#leave());
  }

  #leave(): void {
    const { underWay } = this.#connection;
    underWay.splice(underWay.indexOf(this), 1);
  }
}

/** Resolves when more can be written, or nothing ever will. */
function writable(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    response.off('drain', done).off('close', done);
    resolve();
  };
  response.once('drain', done).once('close', done);
  return promise;
}
