/**
 * Keeps the state of every MCP server that this gateway dials: probes it when a snapshot brings it, then every five minutes, sooner while it fails, and at
 * once when calls begin to fail or to succeed again. Calls never wait for it, and it is no call: nothing of it is audited.
 * Invariant: no more than `AT_ONCE` probes at a time, and one a server; a verdict, the legacy one above all, is never older than `ASK_LEGACY_MS`.
 */
import type { McpServer, ServerState } from '@portolan/core';
import type { Log, Registry } from '../../ports.ts';
import { Listeners } from '../listeners.ts';
import type { UpstreamWatch } from '../undici-upstreams.ts';
import { backoff, Pause } from '../wait.ts';
import { type ProbeSettings, probeServer } from './probe-server.ts';
import { afterProbe } from './server-state.ts';

const EVERY_MS = 300_000;
const AGAIN = { first: 1_000, most: 60_000 } as const;
/** Calls that fail or succeed bring a probe no sooner than this after the last one. */
const CALLS_MS = 3_000;
/** `initialize` opens a session, which not every server lets go of. */
const ASK_LEGACY_MS = 3_600_000;
const AT_ONCE = 8;

export interface ProberOptions extends ProbeSettings {
  readonly registry: Registry;
  readonly log: Log;
  /** Between two probes of a server that is well, give or take a tenth; default 5 min. */
  readonly everyMs?: number;
}

/** Times are monotonic. */
interface Watched {
  server: McpServer;
  state: ServerState | undefined;
  due: number;
  ended: number;
  legacyAsked: number;
  leavesSessions: boolean;
  /** Calls have failed since the last probe. */
  suspect: boolean;
  running: boolean;
  tries: number;
}

export class ServerProber implements UpstreamWatch {
  readonly #options: ProberOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #probed: Listeners<ServerState>;
  readonly #pause = new Pause();
  readonly #running = new Set<Promise<void>>();
  /** How many cannot be reached: with none of them, a call that succeeds costs one comparison. */
  #down = 0;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#probed = new Listeners((error) => options.log.error({ err: error }, 'a listener of the probes failed'));
  }

  /** Of those that have been probed. */
  states(): readonly ServerState[] {
    return [...this.#watched.values()].flatMap(({ state }) => state ?? []);
  }

  /** After each probe. Answers how to stop. */
  onProbed(listener: (state: ServerState) => void): () => void {
    return this.#probed.add(listener);
  }

  failed(server: string): void {
    const watched = this.#watched.get(server);
    if (!watched?.state?.reachable) return; // it is probed soon in any case
    watched.suspect = true;
    this.#hasten(watched);
  }

  answered(server: string): void {
    if (this.#down === 0) return;
    const watched = this.#watched.get(server);
    if (watched?.state?.reachable === false) this.#hasten(watched);
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = this.#options.registry.onChange(() => this.#follow());
    this.#follow();
    while (!signal.aborted) await this.#pause.wait(this.#begin(signal), signal);
    stop();
    await Promise.all(this.#running);
  }

  /** Those whose proxy URL is this gateway's. A server with another URL is another one. */
  #follow(): void {
    const tables = this.#options.registry.current();
    if (!tables) return;
    const own = new Map(
      [...tables.servers].filter(([, { proxyUrl, url }]) => proxyUrl === tables.self.url && url !== undefined),
    );
    for (const name of this.#watched.keys()) if (!own.has(name)) this.#watched.delete(name);
    for (const [name, server] of own) {
      const watched = this.#watched.get(name);
      if (watched && watched.server.url === server.url) watched.server = server;
      else this.#watched.set(name, unprobed(server));
    }
    this.#countDown();
    this.#pause.wake();
  }

  /** Begins what is due, and answers how long to wait for the next (ms). A probe that ends wakes the wait. */
  #begin(signal: AbortSignal): number {
    const now = this.#options.clock.monotonic();
    let next = now + EVERY_MS;
    for (const watched of this.#watched.values()) {
      if (watched.running) continue;
      if (watched.due > now) next = Math.min(next, watched.due);
      else if (this.#running.size < AT_ONCE) this.#start(watched, signal);
    }
    return next - now;
  }

  #start(watched: Watched, signal: AbortSignal): void {
    watched.running = true;
    const probing = this.#probe(watched, signal)
      .catch((error: unknown) => {
        this.#options.log.error({ err: error, alarm: 'fault', server: watched.server.name }, 'a probe failed');
        watched.due = this.#options.clock.monotonic() + AGAIN.most;
      })
      .finally(() => {
        watched.running = false;
        this.#running.delete(probing);
        this.#pause.wake();
      });
    this.#running.add(probing);
  }

  async #probe(watched: Watched, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const { server, state } = watched;
    const askLegacy = this.#asksLegacy(watched);
    watched.suspect = false;
    const probed = await probeServer(this.#options, { server, era: state?.era ?? null, askLegacy }, signal);
    if (signal.aborted || this.#watched.get(server.name) !== watched) return;
    watched.ended = clock.monotonic();
    if (askLegacy && probed.reachable) watched.legacyAsked = watched.ended;
    if (askLegacy) watched.leavesSessions = probed.leftSession;
    const { everyMs = EVERY_MS } = this.#options;
    const wait = probed.fault ? backoff(watched.tries, AGAIN.first, AGAIN.most) : everyMs * (0.9 + 0.2 * Math.random());
    watched.tries = probed.fault ? watched.tries + 1 : 0;
    watched.due = watched.ended + wait;
    watched.state = afterProbe(server.name, state, probed, clock.now());
    this.#countDown();
    this.#tell(watched.state, state);
  }

  #asksLegacy({ state, legacyAsked, leavesSessions, suspect }: Watched): boolean {
    if (!state?.reachable || suspect || this.#options.clock.monotonic() - legacyAsked >= ASK_LEGACY_MS) return true;
    return state.era === 'legacy' ? !leavesSessions : state.era !== 'modern' && state.era !== 'dual';
  }

  #tell(state: ServerState, before: ServerState | undefined): void {
    const { log } = this.#options;
    const { server, reachable, era, lastError } = state;
    if (reachable !== before?.reachable || era !== before.era) {
      const fields = { server, reachable, era, ...(reachable ? {} : { code: lastError?.code }) };
      if (reachable) log.info(fields, 'MCP server answers');
      else log.warn({ ...fields, reason: lastError?.message }, 'MCP server does not answer');
    }
    this.#probed.call(state);
  }

  #hasten(watched: Watched): void {
    const soon = watched.ended + CALLS_MS;
    if (watched.running || watched.due <= soon) return;
    watched.due = soon;
    this.#pause.wake();
  }

  #countDown(): void {
    this.#down = this.states().filter(({ reachable }) => !reachable).length;
  }
}

const unprobed = (server: McpServer): Watched => ({
  server,
  state: undefined,
  due: Number.NEGATIVE_INFINITY,
  ended: Number.NEGATIVE_INFINITY,
  legacyAsked: Number.NEGATIVE_INFINITY,
  leavesSessions: false,
  suspect: false,
  running: false,
  tries: 0,
});
