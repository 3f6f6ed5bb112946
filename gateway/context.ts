/**
 * What one request is at each point of the pipeline. Each stage takes what the one before it returned, so a missing or misplaced stage
 * does not compile; `pass` adds to the same value, so that `observe` sees how far a refused request had come.
 * Nothing here decides or does anything.
 */
import type {
  CompiledGrants,
  Destination,
  Era,
  FaultCode,
  Hop,
  HopCaller,
  McpServer,
  PrincipalKind,
  Scanned,
  Trace,
} from '@portolan/core';
import type { Edges } from './edges.ts';
import type { Flight, Flights } from './flights.ts';
import type { ListChanges } from './list-changes.ts';
import type { Door, Exchange, Ports, Tables } from './ports.ts';
import type { Proofs } from './proofs.ts';
import type { RandomHex } from './random-hex.ts';
import type { ShownTokens } from './shown-tokens.ts';
import type { CallerHandles } from './stream/caller-handles.ts';
import type { RequestHead } from './stream/headers.ts';
import type { KnownLists } from './stream/known-lists.ts';
import type { Progress } from './stream/relay.ts';
import type { UpstreamSession } from './stream/upstream-session.ts';

/** Bounds of one gateway. Milliseconds and bytes. */
export interface Limits {
  /** Longest request body; default 4 MiB. */
  readonly bodyBytes: number;
  /** Longest list, refusal or event of a stream of a server, each held in memory whole; default 16 MiB. */
  readonly answerBytes: number;
  /** A whole call, from its arrival at the entry gateway on, where the server's registration says nothing; default 1 h. */
  readonly callMs: number;
  /** Until the answer's first byte, and between two bytes of a call, where the server's registration says nothing; default 10 min. */
  readonly idleMs: number;
  /** Longest silence on an open event stream before the caller gets a comment; default 20 s. */
  readonly quietMs: number;
  /** From a snapshot to the notices of lists that it has changed; default 1 s. */
  readonly settleMs: number;
  /** Requests under way at once; default 20 000. */
  readonly flights: number;
}

/** What the stages work with: the world behind its ports, and the state of this process's own pipeline. */
export interface Gateway extends Ports {
  readonly limits: Limits;
  readonly edges: Edges;
  readonly flights: Flights;
  readonly proofs: Proofs;
  readonly shownTokens: ShownTokens;
  readonly random: RandomHex;
  readonly listChanges: ListChanges;
  readonly knownLists: KnownLists;
}

/** The body of a request, unread. */
export interface UnreadBody {
  /** All bytes; throws `Refusal` body_too_large, media_type or caller_left. At most once. */
  read(): Promise<Buffer>;
}

/** A request as it came in. */
export interface Received {
  readonly door: Door;
  readonly method: string;
  readonly httpVersion: string;
  /** The request target as it was sent. */
  readonly target: string;
  /** The target's path, without the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The same headers as they were sent: what they hold twice, hide, and may pass on. */
  readonly head: RequestHead;
  readonly body: UnreadBody;
  readonly flight: Flight;
  /** Wall clock, ms since epoch, and monotonic clock, ms, of its arrival. */
  readonly arrivedAt: number;
  readonly startedAt: number;
  /** UUIDv7; of a hop, the entry gateway's. */
  readonly requestId: string;
  /** Origin of the page that sent it, once it is known to be served; undefined where no browser speaks for a page. */
  readonly page: string | undefined;
}

/** Marks of stages that find out nothing but that the request may go on; only `passed` gives them, and they cost nothing. */
declare const mark: unique symbol;
interface Passed<Stage extends string> {
  readonly [mark]: Record<Stage, true>;
}

/** Sound HTTP; nothing is known of the caller. */
export type Accepted = Received & Passed<'accept'>;

/** Who calls. */
export interface Principal {
  readonly kind: PrincipalKind;
  readonly name: string;
  readonly tokenId: string;
}
/** What an authenticator found out. */
export interface Known {
  readonly principal: Principal;
  /** The journey so far, where a peer sent the request. */
  readonly hop: Hop | undefined;
  /** Makes the proof of this caller for one other gateway; undefined where it came by proof itself: no second hop. */
  readonly proofFor: ((gateway: string) => HopCaller) | undefined;
}

export interface Authenticated extends Accepted, Known {
  readonly tables: Tables;
}
export interface Resolved extends Authenticated {
  readonly server: McpServer;
}
/** May use the server; the body is still unread. */
export interface Entitled extends Resolved {
  /** The principal's, by which every later question is answered, too. */
  readonly grants: CompiledGrants;
}
export type Admitted = Entitled & Passed<'limit'>;
export interface Read extends Admitted {
  /** Undefined for GET and DELETE. */
  readonly message: Scanned | undefined;
  readonly bytes: Buffer | undefined;
  /** The id to be echoed, as it stands in the body; known for some messages that are refused, too. */
  readonly idBytes: string | undefined;
  readonly era: Era;
  /** Our own span in the caller's trace, or in a new one. */
  readonly trace: Trace;
  /** Legacy: the session id as the caller sent it. */
  readonly callerSession: string | undefined;
}
export type Allowed = Read & Passed<'authorizeCall'>;
export interface Routed extends Allowed {
  readonly to: Extract<Destination, { kind: 'upstream' | 'peer' }>;
}
export interface Armed extends Routed {
  readonly exchange: Exchange;
  /** At the handling gateway: opens and seals what the server hands out to this caller. */
  readonly handles: CallerHandles | undefined;
  /** Legacy, at the handling gateway: what the session id says of the upstream's own. */
  readonly session: UpstreamSession | undefined;
}

/** What goes back. Only forward and server.ts make one. */
export interface Reply {
  readonly status: number;
  /** Flat: name, value, name, value, … */
  readonly headers: string[];
  /** Whole, or streamed; a stream throws a `Refusal` where it breaks off. */
  readonly body: Buffer | AsyncIterable<Buffer> | undefined;
  /** A whole body in latin1, where that has been made already. */
  readonly text?: string | undefined;
  /** A refusal or failure that the gateway behind us, or an upstream, told of; for the record. */
  readonly fault?: FaultCode | undefined;
  /** True for a stream that ends when the caller leaves: GET and `subscriptions/listen`. */
  readonly openEnded?: boolean;
  /** True for what is no call and leaves no record. */
  readonly unrecorded?: boolean;
  /** How far a streamed body has come; changes while it is read. */
  readonly progress?: Progress | undefined;
}

/** The request has passed a stage that adds nothing to it. */
export const passed = <B extends A, A extends object>(call: A): B => call as B;

/** Adds what a stage found out. The value stays the same one: many requests pass here, and each copy would be garbage. */
export const pass = <A extends object, B extends object>(call: A, found: B): A & B => Object.assign(call, found);
