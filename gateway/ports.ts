/**
 * What the pipeline needs of the world, named by need. Adapters fulfil these; stages see nothing else of sockets, disks, NATS or clocks.
 * Invariant: no method here blocks on disk, network or another process, except where it returns a promise that the stage awaits on purpose.
 */
import type { Readable } from 'node:stream';
import type { AuditRecord, CompiledGrants, McpServer, Peer, PrincipalKind, TokenDigest } from '@portolan/core';

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
}

/** One request on its way out; the body is the original bytes. */
export interface Exchange {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds until the response's first byte, and between two bytes of it. */
  readonly idleTimeoutMs: number;
}
/** What came back: lower-case header names; the body streams and must be consumed or destroyed. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
}

/** An exchange with another gateway by name. Throws `Refusal` peer_down, peer_timeout, peer_failed, no_route. */
export interface PeerTransport {
  open(gateway: string, exchange: Exchange): Promise<Answer>;
}
/** An exchange with an MCP server of this network. Throws `Refusal` upstream_*. */
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

/** What is sealed into a session id. */
export interface SessionBinding {
  readonly server: string;
  readonly principal: string;
  readonly upstreamId: string;
}
/** Seals and opens legacy session ids with the keys of this gateway (AEAD). `open` answers undefined for any foreign, old or torn id. */
export interface SessionSealer {
  seal(binding: SessionBinding): string | undefined;
  open(sealed: string): SessionBinding | undefined;
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

/** The mesh side of a connection, checked when it was made; undefined on the public name. */
export interface PeerConnection {
  readonly gateway: string;
  /** ms since epoch. */
  readonly issuedAt: number;
  readonly notAfter: number;
}

export interface Ports {
  readonly registry: Registry;
  readonly peers: PeerTransport;
  readonly upstreams: UpstreamTransport;
  readonly audit: AuditLog;
  readonly sessions: SessionSealer;
  readonly meter: Meter;
  readonly clock: Clock;
  readonly log: Log;
}
