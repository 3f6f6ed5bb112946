/**
 * What callers meet: requests of every listener and link go into the pipeline, those over HTTP through a Fastify router first, and what comes out,
 * reply or refusal, is given back here and nowhere else. Fastify never touches a body: the routes hijack before parsing.
 * Invariant: whatever happens, a request gets one answer or its connection ends; nothing thrown gets past this file.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Refusal, refuse } from '@portolan/core';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Gateway, Limits, Read, Received, Reply } from './context.ts';
import { type EdgeLists, Edges } from './edges.ts';
import { Flights, QUIET_MS } from './flights.ts';
import { HttpArrival, HttpConnection } from './http-arrival.ts';
import { ListChanges } from './list-changes.ts';
import { serve } from './pipeline.ts';
import type { Arrival, Door, Intake, Ports } from './ports.ts';
import { Proofs } from './proofs.ts';
import { RandomHex } from './random-hex.ts';
import { type Refused, refusalReply, rpcError } from './refusal-reply.ts';
import { RequestBody } from './request-body.ts';
import { type Answering, mcpRoutes } from './routes/mcp.ts';
import { unservedRoutes } from './routes/unserved.ts';
import { send } from './send.ts';
import { ShownTokens } from './shown-tokens.ts';
import { observe, record } from './stages/observe.ts';
import { corsHeaders } from './stream/cors.ts';
import { FAULT_HEADER } from './stream/fault-header.ts';
import { readHead } from './stream/headers.ts';
import { KnownLists } from './stream/known-lists.ts';

export const defaultLimits: Limits = {
  bodyBytes: 4 * 1024 * 1024,
  answerBytes: 16 * 1024 * 1024,
  callMs: 3_600_000,
  idleMs: 600_000,
  quietMs: QUIET_MS,
  settleMs: 1_000,
  flights: 20_000,
};

type Body = Received & { readonly body: RequestBody };

/** What is served at no path of ours; recorded like every refusal. */
const refuseUnserved = observe(async () => {
  throw refuse('path_not_found');
});

export class GatewayServer implements Intake {
  readonly #gateway: Gateway;
  readonly #router: FastifyInstance;
  readonly #connections = new WeakMap<Socket, HttpConnection>();
  #draining = false;

  /** Await `ready` before the first request. */
  constructor(ports: Ports, limits: Partial<Limits> = {}, edges: Partial<EdgeLists> = {}) {
    const all = { ...defaultLimits, ...limits };
    this.#gateway = {
      ...ports,
      limits: all,
      edges: new Edges({ allowedOrigins: [], allowedHosts: [], ...edges }),
      flights: new Flights(all.flights, () => ports.clock.monotonic(), all.quietMs),
      proofs: new Proofs(),
      shownTokens: new ShownTokens(),
      random: new RandomHex(),
      knownLists: new KnownLists(),
      listChanges: new ListChanges(ports.registry, all.settleMs),
    };
    ports.registry.onChange(() => this.flights.recheckAll());
    this.#router = Fastify({
      logger: false,
      exposeHeadRoutes: false,
      genReqId: () => '',
      frameworkErrors: this.#unroutable,
    });
    this.#router.register(mcpRoutes, { answer: this.#answering(serve) });
    this.#router.register(unservedRoutes, { answer: this.#answering(refuseUnserved) });
  }

  async ready(): Promise<void> {
    await this.#router.ready();
  }

  get flights(): Flights {
    return this.#gateway.flights;
  }

  connected(socket: Socket, door: Door): void {
    this.#connections.set(socket, new HttpConnection(socket, door));
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#router.routing(request, response);
  }

  /** node's parser refused the bytes. Those that are of no request get an answer of their own, and a record. */
  malformed(error: Error, socket: Socket): void {
    if (!socket.writable) return void socket.destroy();
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const refusal = refuse('http_malformed', { expected: code });
    const arrival = this.#connections.get(socket)?.underWay;
    if (arrival) {
      // the record is the request's; so is the answer, if the bytes are its body's, and none of it has been sent
      arrival.fail(code === CUT_SHORT ? refuse('caller_left') : refusal);
      if (code === CUT_SHORT || arrival.complete || arrival.begun) socket.destroy();
      return;
    }
    const status = code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
    const id = this.#recordUnread(status, refusal);
    const reply = refusalReply(refusal, { requestId: id, idBytes: undefined, self: this.#self });
    const length = Buffer.isBuffer(reply.body) ? reply.body.length : 0;
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${reply.body}`,
    );
  }

  arrived(arrival: Arrival): void {
    this.#begin(arrival, serve);
  }

  refused(refusal: Refusal, door: Door): void {
    this.#recordUnread(refusal.fault.http, refusal);
    const { code, context } = refusal;
    const peer = door.kind === 'mesh' ? door.peer?.gateway : undefined;
    if (peer) this.#gateway.log.warn({ peer, code, err: context.cause }, 'a link has been cut');
  }

  /** What never became a request has a record, too; answers its id. */
  #recordUnread(http: number, { code }: Refusal): string {
    const { clock, random } = this.#gateway;
    const [arrivedAt, startedAt] = [clock.now(), clock.monotonic()];
    const id = requestId(arrivedAt, random);
    record({ method: '', headers: {}, requestId: id, arrivedAt, startedAt }, { http, code }, this.#gateway);
    return id;
  }

  /** From now on every answer ends its connection. */
  beginDrain(): void {
    this.#draining = true;
  }

  /** Ends what is under way with `draining`. */
  endFlights(which: 'open-ended' | 'everything'): void {
    this.flights.endAll(which, this.#self);
  }

  get #self(): string {
    return this.#gateway.registry.current()?.self.name ?? this.#gateway.identity.current()?.gateway ?? '';
  }

  #answering(pipeline: typeof serve): Answering {
    return (request, response) => {
      const connection = this.#connectionOf(request.socket);
      if (connection.isFree) this.#begin(new HttpArrival(request, response, connection), pipeline);
      else this.#wait(request, response, connection, pipeline);
    };
  }

  /** Apart, so that a request which need not wait pays for no closure. */
  #wait(request: IncomingMessage, response: ServerResponse, connection: HttpConnection, pipeline: typeof serve): void {
    connection.wait(() => this.#begin(new HttpArrival(request, response, connection), pipeline));
  }

  #begin(arrival: Arrival, pipeline: typeof serve): void {
    this.#answer(arrival, pipeline).catch(() => arrival.cut());
  }

  #connectionOf(socket: Socket): HttpConnection {
    const known = this.#connections.get(socket);
    if (known) return known;
    // of a connection that no listener has announced nobody is believed
    const unknown = new HttpConnection(socket, { kind: 'public' });
    this.#connections.set(socket, unknown);
    return unknown;
  }

  /** The router could not read the target (a broken percent escape): the pipeline refuses it like any other strange path. */
  readonly #unroutable = (
    _error: Error,
    request: { raw: IncomingMessage },
    reply: { raw: ServerResponse; hijack(): unknown },
  ): void => {
    reply.hijack();
    this.#answering(refuseUnserved)(request.raw, reply.raw);
  };

  async #answer(arrival: Arrival, pipeline: typeof serve): Promise<void> {
    const request = this.#received(arrival);
    const { flight } = request;
    arrival.onEnd((reason) => flight.end(reason));
    let sent: Reply | undefined;
    try {
      sent = this.#finished(await pipeline(request, this.#gateway), request);
      await send({ arrival, flight }, sent);
    } catch (error) {
      await this.#refuse(error, request, arrival, sent);
    } finally {
      flight.land();
      arrival.finish();
    }
  }

  #received(arrival: Arrival): Body {
    const { clock, flights, limits, random } = this.#gateway;
    const { door, headers, httpVersion, method, rawHeaders, target } = arrival;
    const flight = flights.takeOff();
    const arrivedAt = clock.now();
    const request = {
      door,
      method,
      httpVersion,
      target,
      path: pathOf(target),
      headers,
      head: readHead(rawHeaders),
      body: new RequestBody(arrival, limits.bodyBytes, flight),
      flight,
      arrivedAt,
      startedAt: clock.monotonic(),
      requestId: requestId(arrivedAt, random),
      page: undefined,
      // what the stages will add has its room from the start: an object that grows is copied again and again
      tables: undefined,
      principal: undefined,
      hop: undefined,
      proofFor: undefined,
      server: undefined,
      grants: undefined,
      idBytes: undefined,
      message: undefined,
      bytes: undefined,
      era: undefined,
      trace: undefined,
      callerSession: undefined,
      to: undefined,
      handles: undefined,
      session: undefined,
      exchange: undefined,
    };
    return request;
  }

  /** Headers that every answer has, whoever gave it. */
  #finished(reply: Reply, request: Received): Reply {
    const { headers, fault } = reply;
    headers.push('x-request-id', request.requestId);
    if (request.page !== undefined) headers.push(...corsHeaders(request.page));
    if (fault && request.door.kind === 'mesh') headers.push(FAULT_HEADER, fault);
    // where framing is in doubt, nothing more can be read (RFC 9112 §9.3)
    const last = this.#draining || fault === 'http_malformed';
    if (last && request.httpVersion !== 'link') headers.push('connection', 'close');
    return reply;
  }

  async #refuse(
    error: unknown,
    request: Body & Partial<Read>,
    arrival: Arrival,
    sent: Reply | undefined,
  ): Promise<void> {
    const refusal = error instanceof Refusal ? error : refuse('internal', { hop: this.#self, cause: error });
    this.#log(refusal, request);
    if (arrival.gone) return;
    const refused: Refused = {
      requestId: request.requestId,
      idBytes: request.idBytes ?? (await request.body.id()),
      self: this.#self,
    };
    const to = { arrival, flight: request.flight };
    if (!arrival.begun) await send(to, this.#finished(refusalReply(refusal, refused), request));
    else if (openEnded(sent)) arrival.end();
    // the entry gateway knows best how to tell its caller
    else if (request.door.kind === 'mesh') arrival.end(refusal.code);
    else breakOff(arrival, sent, refusal, refused);
  }

  #log(refusal: Refusal, { requestId, path }: Received): void {
    const { log } = this.#gateway;
    const { code, context, fault } = refusal;
    const fields = { request_id: requestId, path, code, detail: context.detail, err: context.cause };
    if (code === 'internal') log.error(fields, 'request failed');
    else if (fault.audit === 'failed' && code !== 'caller_left') log.warn(fields, 'request failed');
  }
}

/** llhttp: the client has sent its last byte before the end of its request. */
const CUT_SHORT = 'HPE_INVALID_EOF_STATE';

const openEnded = (sent: Reply | undefined): boolean => sent?.openEnded === true;

/**
 * A stream that broke off after its head was sent. A caller who waits for a response on it gets one that says what happened, unless he can
 * take the stream up again: then, and in JSON, only a connection that ends too early says that something is missing.
 */
function breakOff(arrival: Arrival, sent: Reply | undefined, refusal: Refusal, refused: Refused): void {
  const { progress } = sent ?? {};
  const waits = refused.idBytes !== undefined && progress?.events && !progress.answered && !progress.resumable;
  if (waits) {
    arrival.write(Buffer.from(`event: message\ndata: ${rpcError(refusal, refused)}\n\n`));
    arrival.end();
  } else arrival.cut();
}

/** The path of a request target in origin or absolute form (RFC 9112 §3.2), byte for byte. */
function pathOf(target: string): string {
  const local = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?]*/i, '');
  const query = local.indexOf('?');
  return query < 0 ? local : local.slice(0, query);
}

/** UUIDv7 (RFC 9562 §5.7) of a time in ms since epoch; its variant is always the first of four. */
function requestId(now: number, random: RandomHex): string {
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.take(3)}-8${random.take(3)}-${random.take(12)}`;
}
