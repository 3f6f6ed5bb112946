/**
 * The connections to one origin: one undici `Client` a lane, one exchange a lane at a time, the lane used last is used next.
 * undici's own Pool asks every client on every dispatch whether it is free, which at 64 connections costs more than the exchange's parsing.
 * Invariant: never more than `BOUND` lanes; no lane outlives an hour, so that rotated keys and moved addresses take effect.
 */
import { refuse } from '@portolan/core';
import { type buildConnector, Client } from 'undici';

/** More exchanges at once than this are refused instead of queued: a queue that grows hides an outage. Quiet streams count, so it is wide. */
const BOUND = 16_384;
/** Idle lanes beyond this are closed at once; the others when their connection has been idle for `keepAliveTimeout`. */
const IDLE = 256;
const LIFE_MS = 3_600_000;

// as much of an answer's head as of a request's: both must fit into one frame between gateways
const options = {
  pipelining: 1,
  keepAliveTimeout: 30_000,
  keepAliveMaxTimeout: 600_000,
  maxHeaderSize: 32_768,
  allowH2: false,
} as const satisfies Client.Options;

/** A lane, and until when it may be used (monotonic, ms). */
export interface Lane {
  readonly client: Client;
  readonly until: number;
}

export class Lanes {
  readonly #origin: string;
  readonly #connect: buildConnector.connector;
  readonly #all = new Set<Client>();
  readonly #idle: Lane[] = [];
  #closed = false;

  constructor(origin: string, connect: buildConnector.connector) {
    this.#origin = origin;
    this.#connect = connect;
  }

  /** A free lane, to be given back when the exchange on it is over. Throws `Refusal` overloaded. */
  take(): Lane {
    const lane = this.#idle.pop();
    if (!lane) return this.#open();
    if (lane.until > performance.now()) return lane;
    this.#retire(lane);
    return this.take();
  }

  give(lane: Lane): void {
    if (this.#closed || this.#idle.length >= IDLE) this.#retire(lane);
    else this.#idle.push(lane);
  }

  /** Is an exchange under way? */
  get busy(): boolean {
    return this.#all.size > this.#idle.length;
  }

  /** Lets the exchanges under way end. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#idle.length = 0;
    await Promise.all([...this.#all].map((client) => client.close()));
  }

  #open(): Lane {
    if (this.#all.size >= BOUND) throw refuse('overloaded', { detail: `${BOUND} exchanges with ${this.#origin}` });
    const client = new Client(this.#origin, { ...options, connect: this.#connect });
    this.#all.add(client);
    return { client, until: performance.now() + LIFE_MS };
  }

  #retire({ client }: Lane): void {
    this.#all.delete(client);
    void client.close();
  }
}
