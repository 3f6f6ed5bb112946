/**
 * `Arrival` over node's HTTP/1.1. Invariant: the connection can go on after every answer, or ends: what nobody wants of a body is thrown away within
 * bounds.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type FaultCode, type Refusal, refuse } from '@portolan/core';
import type { Arrival, BodySink, Door } from './ports.ts';
import { FAULT_HEADER } from './stream/fault-header.ts';

/** How much of an unwanted body is thrown away before the connection is cut. */
const DISCARD_BYTES = 64 * 1024 * 1024;
/** Longer bodies are not worth copying. */
const ONE_WRITE_BYTES = 8_192;

const UNWANTED: BodySink = { data: () => false, end: () => {}, cut: () => {} };

/** How many requests may wait for the one before them. No client of the protocol sends even one so, and no proxy. */
const WAITING = 16;

/**
 * One connection. Its requests are begun one after another, each when the answer to the one before has gone out: what follows an answer that ends the
 * connection must not be processed (RFC 9112 §9.6), and nobody waits for what follows when the client has left.
 */
export class HttpConnection {
  readonly door: Door;
  readonly #socket: Socket;
  readonly #waiting: (() => void)[] = [];
  #ending = false;
  /** The request that is not answered yet, or not received to its end. */
  underWay: HttpArrival | undefined;

  constructor(socket: Socket, door: Door) {
    this.door = door;
    this.#socket = socket;
    socket.once('close', () => this.underWay?.disconnected());
  }

  /** May a request be begun at once? */
  get isFree(): boolean {
    return !this.underWay && this.#waiting.length === 0 && !this.#ending;
  }

  /** Calls `begin` in its turn, or never. */
  wait(begin: () => void): void {
    if (!this.#ending && this.#waiting.push(begin) > WAITING) this.#socket.destroy();
  }

  /** The answer under way is the last. */
  end(): void {
    this.#ending = true;
    this.#waiting.length = 0;
  }

  /** The request under way is over, and answered by `response`. */
  leave(response: ServerResponse): void {
    this.underWay = undefined;
    if (this.#waiting.length === 0) return;
    if (response.closed) this.#next();
    else response.once('close', () => this.#next());
  }

  #next(): void {
    const begin = this.#waiting.shift();
    if (!this.#socket.destroyed) begin?.();
  }
}

export class HttpArrival implements Arrival {
  readonly #connection: HttpConnection;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #received = false;
  #onEnd: ((reason: Refusal) => void) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, connection: HttpConnection) {
    connection.underWay = this;
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
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

  /** The connection is closed. */
  disconnected(): void {
    if (!this.#response.writableEnded) this.fail(refuse('caller_left'));
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

  reply(status: number, headers: string[], body: Buffer | undefined, text?: string): undefined {
    if (isLast(headers)) this.#connection.end();
    if (status !== 204) headers.push('content-length', String(body?.length ?? 0));
    const response = this.#response.writeHead(status, headers);
    // node joins head and body into one write only where both are text; latin1 gives every byte back as it was
    if (body !== undefined && body.length <= ONE_WRITE_BYTES) response.end(text ?? body.toString('latin1'), 'latin1');
    else response.end(body);
  }

  begin(status: number, headers: string[]): void {
    if (isLast(headers)) this.#connection.end();
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
    if (request.complete) this.#connection.leave(this.#response);
    else request.once('close', () => this.#connection.leave(this.#response));
  }
}

/** Does the answer end its connection? Whoever finishes its headers says so at their end. */
const isLast = (headers: readonly string[]): boolean => headers.at(-2) === 'connection';

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
