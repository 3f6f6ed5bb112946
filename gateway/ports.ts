/**
 * What the pipeline needs of the world, named by need. Adapters fulfil these; stages see nothing else of sockets, disks, NATS or clocks.
 * Invariant: no method here blocks on disk, network or another process, except where it returns a promise that the stage awaits on purpose.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type {
  AuditRecord,
  CompiledGrants,
  FaultCode,
  McpServer,
  Peer,
  PrincipalKind,
  Refusal,
  TokenDigest,
} from '@portolan/core';

/** One applied snapshot, compiled for look-ups; swapped as a whole, never changed. */
export interface Tables {
  readonly revision: number;
  readonly federation: string;
  /** This gateway. */
  readonly self: { readonly name: string; readonly url: string };
  /** ms since epoch after which nothing is served from it. */
  readonly notAfter: number;
  readonly servers: ReadonlyMap<string, McpServer>;
  /** By gateway name. */
  readonly peers: ReadonlyMap<string, Peer>;
  /** By gateway URL, as `proxyUrl` is compared. */
  readonly peersByUrl: ReadonlyMap<string, Peer>;
  /** By token id; digests already decoded. */
  readonly tokens: ReadonlyMap<string, CheckableToken>;
  /** Grants of one principal, compiled on demand and kept with the snapshot. */
  grantsOf(kind: PrincipalKind, name: string): CompiledGrants;
}
export interface CheckableToken extends Omit<TokenDigest, 'secretSha256' | 'proofSha256'> {
  readonly secretSha256: Buffer;
  readonly proofSha256: Buffer;
}

/** The snapshot in force; undefined before the first. */
export interface Registry {
  current(): Tables | undefined;
  /** Calls back after each applied snapshot, so that connections no longer allowed are cut. Answers how to stop. */
  onChange(listener: () => void): () => void;
}

/** What proves this gateway in the mesh. Key and certificates are PEM; a renewal makes a new value, never changes one. */
export interface MeshCredentials {
  readonly federation: string;
  readonly gateway: string;
  /** PKCS#8. */
  readonly key: string;
  /** Leaf first, then the issuing intermediates. */
  readonly chain: string;
  /** Mesh roots in force. */
  readonly ca: readonly string[];
  /** ms since epoch. */
  readonly notAfter: number;
}
/** This gateway's identity; undefined before it has enrolled. `onChange` calls back after a renewal or another CA bundle. */
export interface MeshIdentity {
  current(): MeshCredentials | undefined;
  onChange(listener: () => void): () => void;
}

/** PEM. */
export interface PublicPair {
  readonly key: string;
  /** Leaf first. */
  readonly chain: string;
}

/** Certificate of the public name; swapped when its file changes, or a snapshot brings another. */
export interface PublicCertificate {
  /** Undefined while the control plane has not delivered one yet. */
  current(): PublicPair | undefined;
  onChange(listener: () => void): () => void;
}

/**
 * Whether, and why, an exchange must end before it is over: an `AbortSignal` for one listener, because making one costs more than all else that a
 * call keeps of itself.
 */
export interface Ending {
  /** Undefined as long as the exchange may go on. */
  readonly reason: Refusal | undefined;
  /** Called once, when there is a reason. Takes the place of the listener before; undefined takes it away. */
  listen(listener: ((reason: Refusal) => void) | undefined): void;
  /** To be told of everything that comes, head or body: who hears nothing for too long gives up, and no transport does so by itself. */
  heard(): void;
}
/** One request on its way out; the body is the original bytes. */
export interface Exchange {
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** Flat: name, value, name, value, …; names in lower case. Neither Host nor framing: the transport's own. */
  readonly headers: readonly string[];
  readonly body: Buffer | undefined;
  /** Ends the exchange at once, headers pending or not; its reason is what the exchange then fails with. */
  readonly ending: Ending;
}
/**
 * What came back: lower-case header names. The body must be read to its end or left by ending the iteration, which ends the exchange;
 * reading throws a `Refusal` when it breaks off. Back-pressure: nothing is read ahead beyond a bounded queue.
 */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AnswerBody;
  /** What a peer said broke the body off, where it did not end; known when it has been read to its end. */
  brokenBy(): string | undefined;
}

/** Chunks are never empty. */
export interface AnswerBody extends AsyncIterable<Buffer> {
  /** All bytes, where they have come already: most answers are one packet. Read then; undefined where it must be iterated. */
  whole?(): Buffer | undefined;
}

/** An exchange with another gateway by name, at `path`. Throws `Refusal` peer_* or no_route; overloaded where there are too many. */
export interface PeerTransport {
  open(gateway: string, path: string, exchange: Exchange): Promise<Answer>;
}
/** An exchange with an MCP server of this network, at its `url`. Throws `Refusal` upstream_*. */
export interface UpstreamTransport {
  open(server: McpServer, exchange: Exchange): Promise<Answer>;
}

/** The audit spool. `append` resolves when the record is in the operating system's hands (survives kill -9). */
export interface AuditLog {
  /** False where a full spool refuses authenticated calls (`audit_unavailable`). */
  accepts(): boolean;
  append(record: AuditRecord): Promise<void>;
  /** Refusals before a principal is known: a bounded ring, drops counted; a flood of them can stop nothing. */
  note(record: AuditRecord): void;
}

/** What a server hands out so that its holder can come back to something of one caller. */
export type HandleKind = 'session' | 'event' | 'task' | 'state';
/** What is sealed into a handle. */
export interface HandleBinding {
  readonly kind: HandleKind;
  readonly server: string;
  readonly principal: string;
  readonly upstreamId: string;
}
/**
 * Seals and opens handles with the keys of this gateway (AEAD); a sealed one is base64url. `seal` answers undefined for what is too long, or before there
 * is a key; but for sessions, the same binding makes the same text. `open` answers undefined for any that is foreign, old, torn or of another kind.
 */
export interface HandleSealer {
  seal(binding: HandleBinding): string | undefined;
  open(kind: HandleKind, sealed: string): HandleBinding | undefined;
}

/** Plain counters, rendered at scrape. */
export interface Meter {
  request(labels: { readonly server: string; readonly user: string; readonly status: string }): void;
  proxied(labels: { readonly server: string; readonly from: string; readonly to: string }, latencyMs: number): void;
  hopError(labels: { readonly from: string; readonly to: string; readonly code: string }): void;
}

/** Wall clock (ms since epoch) and monotonic clock (ms). */
export interface Clock {
  now(): number;
  monotonic(): number;
}

/** The log: pino's shape, structured, redacted at the sink. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The other gateway on a mesh connection, as its certificate said when the connection was made. */
export interface PeerConnection {
  readonly gateway: string;
  /** ms since epoch. */
  readonly issuedAt: number;
  readonly notAfter: number;
}
/** How a connection came in; one value a connection. On the mesh name `peer` is undefined where the certificate did not hold: no request of it is served. */
export type Door =
  | { readonly kind: 'public' }
  | { readonly kind: 'loopback' }
  | { readonly kind: 'mesh'; readonly peer: PeerConnection | undefined };

/** Takes the body of a request, chunk by chunk. */
export interface BodySink {
  /** False: no more of it is wanted. */
  data(chunk: Buffer): boolean;
  end(): void;
  /** It will never be whole. */
  cut(): void;
}
/**
 * One request as its connection brought it, and the only way to answer it: by `reply`, or by `begin`, `write` … and `end` or `cut`. After either,
 * `finish`. What is written when the caller has left goes nowhere and throws nothing.
 */
export interface Arrival {
  readonly door: Door;
  readonly method: string;
  /** `1.0` and `1.1` are HTTP's. */
  readonly httpVersion: string;
  /** The request target as it was sent. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The same as they were sent, flat: name, value, name, value, … */
  readonly rawHeaders: readonly string[];
  /** Something of the answer has been sent. */
  readonly begun: boolean;
  /** Nothing that is sent reaches the caller. */
  readonly gone: boolean;
  /** Calls back once, when the request ends before its answer does, and says why. Of several listeners the last counts. */
  onEnd(listener: (reason: Refusal) => void): void;
  /** Hands over the body as fast as it comes; at most once. */
  receive(sink: BodySink): void;
  /**
   * The whole answer; `headers` is flat, and a `content-length` is added. `text` is the body in latin1, for whoever would make it. A promise where the
   * caller has to read first.
   */
  reply(status: number, headers: string[], body: Buffer | undefined, text?: string): Promise<void> | undefined;
  /** The head of an answer whose body follows; the caller sees it at once. */
  begin(status: number, headers: string[]): void;
  /** A promise where the caller has to read first. */
  write(chunk: Buffer): Promise<void> | undefined;
  /** The last of the body; `fault` tells a peer what broke it off. */
  end(fault?: FaultCode): void;
  /** The caller sees that something is missing. */
  cut(): void;
  /** Nobody wants the rest of the request. */
  finish(): void;
}

/** What a listener hands its connections and requests to; server.ts fulfils it. */
export interface Intake {
  connected(socket: Socket, door: Door): void;
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** A request of a link. */
  arrived(arrival: Arrival): void;
  /** Bytes that are no HTTP request; the intake answers and ends the socket. */
  malformed(error: Error, socket: Socket): void;
  /** A link is not served any more, or has never been. */
  refused(refusal: Refusal, door: Door): void;
}
/** A listening socket, for `drain`, in the order of its methods. */
export interface Listener {
  /** Bound port. */
  readonly port: number;
  /** No new connections; those that are open stay. Resolves when the last one has ended. */
  stop(): Promise<void>;
  closeIdle(): void;
  closeAll(): void;
}

export interface Ports {
  readonly identity: MeshIdentity;
  readonly registry: Registry;
  readonly peers: PeerTransport;
  readonly upstreams: UpstreamTransport;
  readonly audit: AuditLog;
  readonly sealer: HandleSealer;
  readonly meter: Meter;
  readonly clock: Clock;
  readonly log: Log;
}
