/**
 * The one connection to NATS: TLS with the mesh certificate, the nkey as credential, everything re-read at each dial so that renewed
 * certificates and JWTs are used without a restart. What is said over it is the business of its users.
 * Invariant: nothing here ever fails the gateway. While NATS is away every call says so at once; nothing is queued for its return.
 */
import { readFile } from 'node:fs/promises';
import { connect, headers, jwtAuthenticator, type NatsConnection, type Status } from '@nats-io/transport-node';
import { subjects } from '@portolan/core';
import type { Clock, Log, MeshCredentials } from '../../ports.ts';
import { Listeners } from '../listeners.ts';
import { backoff, Pause } from '../wait.ts';

/** What the connection needs of the identity; all of it is asked for again at each dial. */
export interface NatsIdentity {
  current(): MeshCredentials | undefined;
  held(): { readonly natsJwt: string } | undefined;
  files(): { readonly certFile: string; readonly keyFile: string };
  onChange(listener: () => void): () => void;
  readonly keys: { readonly nkeySeed: Uint8Array };
}

export interface NatsLinkOptions {
  readonly servers: readonly string[];
  /** PEM of the authorities of the servers' certificates; absent = those of the system. */
  readonly caFile?: string | undefined;
  readonly identity: NatsIdentity;
  readonly clock: Clock;
  readonly log: Log;
}

/** NATS is not connected now, or did not answer in time. */
export class NatsAway extends Error {
  override readonly name = 'NatsAway';
}

export interface Reply {
  readonly data: Uint8Array;
  /** Status of the server's own answers (404, 408, 503); 0 for a message. */
  readonly code: number;
}

type Handler = (data: Uint8Array) => void;
interface Subscribed {
  readonly subject: (gateway: string) => string;
  readonly handler: Handler;
}

const CONNECT_TIMEOUT_MS = 5000;
const REQUEST_TIMEOUT_MS = 5000;
const RETRY = { first: 500, most: 5000 } as const;
const LOG_EVERY_MS = 60_000;

export class NatsLink {
  readonly #options: NatsLinkOptions;
  readonly #subscribed: Subscribed[] = [];
  readonly #connects: Listeners;
  readonly #pause = new Pause();
  #connection: NatsConnection | undefined;
  #up = false;
  /** Monotonic; since when `#up` is what it is. */
  #since: number;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    this.#since = options.clock.monotonic();
    this.#connects = new Listeners((error) => options.log.error({ err: error }, 'a listener of the NATS link failed'));
  }

  get connected(): boolean {
    return this.#up;
  }

  /** After each connect and reconnect. */
  onConnect(listener: () => void): void {
    this.#connects.add(listener);
  }

  /** Kept over every new connection. Call before `run`. */
  subscribe(subject: (gateway: string) => string, handler: Handler): void {
    this.#subscribed.push({ subject, handler });
  }

  /** Core NATS, at most once; false where it was not even sent. */
  publish(subject: string, payload: Uint8Array | string): boolean {
    if (!this.#up || !this.#connection) return false;
    try {
      this.#connection.publish(subject, payload);
      return true;
    } catch {
      return false; // it was being closed
    }
  }

  /** One answer. `messageId` lets a stream recognise what it has already (`Nats-Msg-Id`). Throws `NatsAway`. */
  async request(subject: string, payload: Uint8Array | string = '', messageId?: string): Promise<Reply> {
    if (!this.#up || !this.#connection) throw new NatsAway('NATS is not connected');
    const named = messageId === undefined ? undefined : headers();
    named?.set('Nats-Msg-Id', messageId ?? '');
    const options = { timeout: REQUEST_TIMEOUT_MS, ...(named ? { headers: named } : {}) };
    try {
      const message = await this.#connection.request(subject, payload, options);
      return { data: message.data, code: message.headers?.code ?? 0 };
    } catch (cause) {
      throw new NatsAway(`no answer on ${subject}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }

  /** Works until `signal` aborts; a connection that was closed for good is made anew. */
  async run(signal: AbortSignal): Promise<void> {
    const stopFollowing = this.#options.identity.onChange(() => this.#rotate());
    let tries = 0;
    while (!signal.aborted) {
      const self = this.#options.identity.current();
      const connection = self && (await this.#dial(self, signal));
      tries = connection ? 0 : tries + 1;
      if (connection) await this.#use(connection, self, signal).catch((error: unknown) => this.#disconnected(error));
      await this.#pause.wait(backoff(tries, RETRY.first, RETRY.most), signal);
    }
    stopFollowing();
  }

  async #dial(self: MeshCredentials, signal: AbortSignal): Promise<NatsConnection | undefined> {
    try {
      const dialling = connect(await this.#connectOptions(self));
      const aborted = new Promise<undefined>((resolve) => {
        signal.addEventListener('abort', () => resolve(undefined), { once: true });
      });
      const connection = await Promise.race([dialling, aborted]);
      // a dial cannot be cancelled: what it still brings is closed
      if (!connection) dialling.then((late) => late.close()).catch(() => undefined);
      return connection;
    } catch (error) {
      this.#logAway(error);
      return undefined;
    }
  }

  async #connectOptions(self: MeshCredentials): Promise<Parameters<typeof connect>[0]> {
    const { identity, servers, caFile } = this.#options;
    // the client reads these files at every dial, which is how a renewed certificate comes into use
    const tls = { ...identity.files(), handshakeFirst: true, ...(caFile === undefined ? {} : { caFile }) };
    if (caFile !== undefined) await readFile(caFile);
    return {
      servers: [...servers],
      name: self.gateway,
      inboxPrefix: subjects.inbox(self.gateway),
      authenticator: jwtAuthenticator(
        () => identity.held()?.natsJwt ?? '',
        () => identity.keys.nkeySeed,
      ),
      tls,
      timeout: CONNECT_TIMEOUT_MS,
      // without it the client gives up for good after two refusals in a row, as at a short revocation
      ignoreAuthErrorAbort: true,
      maxReconnectAttempts: -1,
      reconnectDelayHandler: () => this.#reconnectDelay(),
      // the defaults see a half-open connection after minutes, these in 8 s
      pingInterval: 3000,
      maxPingOut: 2,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
    };
  }

  /** 1 s at first, spreading to 1–10 s the longer the outage lasts: the whole federation comes back at once otherwise. */
  #reconnectDelay(): number {
    const away = this.#options.clock.monotonic() - this.#since;
    return 1000 + Math.random() * 9000 * Math.min(1, away / 30_000);
  }

  async #use(connection: NatsConnection, self: MeshCredentials, signal: AbortSignal): Promise<void> {
    this.#connection = connection;
    const close = (): void => void connection.close().catch(() => undefined);
    signal.addEventListener('abort', close, { once: true });
    for (const { subject, handler } of this.#subscribed)
      connection.subscribe(subject(self.gateway), {
        callback: (error, message) => (error ? undefined : handler(message.data)),
      });
    this.#connected(connection);
    const watching = this.#watch(connection, self, close);
    if (signal.aborted) close();
    const error = await connection.closed();
    this.#disconnected(error ?? new Error('closed'));
    signal.removeEventListener('abort', close);
    await watching;
    this.#connection = undefined;
  }

  async #watch(connection: NatsConnection, self: MeshCredentials, close: () => void): Promise<void> {
    for await (const status of connection.status()) {
      this.#onStatus(connection, status);
      const now = this.#options.identity.current();
      // inbox and subjects carry the name: another name needs another connection
      if (now && now.gateway !== self.gateway) close();
    }
  }

  #onStatus(connection: NatsConnection, status: Status): void {
    if (status.type === 'disconnect' || status.type === 'staleConnection') this.#disconnected(new Error(status.type));
    else if (status.type === 'reconnect') this.#connected(connection);
    else if (status.type === 'error') this.#logAway(status.error);
  }

  #connected(connection: NatsConnection): void {
    this.#up = true;
    this.#since = this.#options.clock.monotonic();
    this.#loggedAt = Number.NEGATIVE_INFINITY;
    this.#options.log.info({ server: connection.getServer() }, 'NATS connected');
    this.#connects.call();
  }

  #disconnected(error: unknown): void {
    if (!this.#up) return;
    this.#up = false;
    this.#since = this.#options.clock.monotonic();
    this.#logAway(error);
  }

  /** New credentials: the old ones are left at a moment of our choice, not when the server ends them. */
  #rotate(): void {
    this.#pause.wake();
    this.#connection?.reconnect().catch(() => undefined);
  }

  #logAway(error: unknown): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#loggedAt < LOG_EVERY_MS) return;
    this.#loggedAt = now;
    const { log, servers } = this.#options;
    const why = error instanceof Error ? error.message : String(error);
    log.warn(
      { servers },
      `NATS is away: ${why}; calls go on, configuration comes over HTTPS, audit records wait on disk`,
    );
  }
}
