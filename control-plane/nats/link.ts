/**
 * The control plane's link to NATS: connects whenever a server answers, for ever; nothing waits for it. Makes the streams before anyone is told.
 * Invariant: after every connect and reconnect each listener is called with the connection, because whatever was there before may be gone.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { NatsLink } from '../ports.ts';
import { dial, hangUp, type NatsAddress } from './dial.ts';
import type { NatsKeys } from './keys.ts';
import { pushRevoked, type Revoked } from './revoke.ts';
import { ensureStreams } from './streams.ts';
import { controlUser } from './user-jwt.ts';

const PAUSE_MS = 500;

/** Called when the link is up; the signal ends when it is down again or about to be told anew. */
export type OnUp = (nc: NatsConnection, signal: AbortSignal) => void;

export interface LinkSettings extends NatsAddress {
  readonly keys: NatsKeys;
  /** How many servers there are. */
  readonly servers: 1 | 3;
  /** NATS went away, or is not there yet; told once until it is back. */
  readonly onAway: (error: Error) => void;
}

export class Link implements NatsLink {
  readonly url: string;
  readonly #settings: LinkSettings;
  readonly #listeners = new Set<OnUp>();
  readonly #stopped = new AbortController();
  /** Ends with the present stretch of being connected. */
  #up = new AbortController();
  #ready = false;
  #told = false;
  #connection: NatsConnection | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(settings: LinkSettings) {
    this.#settings = settings;
    this.url = settings.urls.join(', ');
  }

  start(): void {
    this.#running = this.#run();
  }

  connected(): boolean {
    return this.#ready;
  }

  /** The connection while it is up. */
  current(): NatsConnection | undefined {
    return this.#ready ? this.#connection : undefined;
  }

  /** Also called at once where the link is up already. The answer ends it. */
  onUp(listener: OnUp): () => void {
    this.#listeners.add(listener);
    const nc = this.current();
    if (nc) listener(nc, this.#up.signal);
    return () => this.#listeners.delete(listener);
  }

  /** Cuts these users off, and nobody else. Rejects when NATS did not take the list. */
  revoke(revoked: Revoked): Promise<void> {
    return pushRevoked(this.#settings, this.#settings.keys, revoked);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#told = true;
    this.#down(new Error('stopped'));
    if (this.#connection) await hangUp(this.#connection);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const user = await controlUser(this.#settings.keys);
    while (!signal.aborted) {
      await dial(this.#settings, user, 'control')
        .then((nc) => this.#live(nc))
        .catch((error: Error) => this.#down(error));
      await wait(PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** From the first connect until the client gives up, which it does on `close` alone. */
  async #live(nc: NatsConnection): Promise<void> {
    this.#connection = nc;
    if (this.#stopped.signal.aborted) return hangUp(nc);
    void this.#announce(nc);
    for await (const { type } of nc.status()) {
      if (type === 'disconnect') this.#down(new Error('the connection to NATS broke off'));
      if (type === 'reconnect') void this.#announce(nc);
    }
    const reason = await nc.closed();
    this.#down(reason instanceof Error ? reason : new Error('the connection to NATS was closed'));
  }

  #down(error: Error): void {
    this.#ready = false;
    this.#up.abort();
    this.#tell(error);
  }

  #tell(error: Error): void {
    if (!this.#told) this.#settings.onAway(error);
    this.#told = true;
  }

  /** JetStream may need a moment after the server has begun to answer. */
  async #announce(nc: NatsConnection): Promise<void> {
    this.#up.abort();
    this.#ready = false;
    const up = new AbortController();
    this.#up = up;
    while (!up.signal.aborted && !this.#ready) {
      this.#ready = await ensureStreams(nc, this.#settings.servers).then(
        () => !up.signal.aborted,
        (error: Error) => {
          this.#tell(error);
          return false;
        },
      );
      if (!this.#ready) await wait(PAUSE_MS, undefined, { signal: up.signal }).catch(() => {});
    }
    if (up.signal.aborted) return;
    this.#told = false;
    for (const listener of this.#listeners) listener(nc, up.signal);
  }
}
