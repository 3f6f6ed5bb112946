/**
 * `PeerTransport` over links: one connection a peer, dialled when it is first needed.
 * Invariant: nothing is sent to a peer whose certificate does not name it; a changed key, bundle or address means a new link, and the old one ends
 * when its exchanges have; a link that the snapshot no longer allows is cut.
 */
import type { TLSSocket } from 'node:tls';
import { type Peer, type Refusal, refuse } from '@portolan/core';
import type { Clock, MeshIdentity, PeerTransport, Registry } from '../../ports.ts';
import { peerOf } from '../mesh-certificate.ts';
import { MeshSockets, type Roots, rootsOf } from '../mesh-sockets.ts';
import { CONNECT_TIMEOUT_MS, DialTimeout } from '../undici-dial.ts';
import { type DialLink, linkDialler, WrongPeer } from './dial-link.ts';
import { Link, Silent } from './link.ts';
import { IdleTimeout, LinkExchange } from './link-exchange.ts';

export interface LinkDialling {
  readonly identity: MeshIdentity;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Look-up, TCP and TLS together; default 2 s. A peer that is silent for about three times as long is gone. */
  readonly connectTimeoutMs?: number;
}

/** No link outlives an hour: who balances the peer's replicas gets to choose again, and an address that has moved takes effect. */
const LIFE_MS = 3_600_000;

/** A peer, and the link to it. */
interface Line {
  readonly peer: Peer;
  readonly dial: DialLink;
  link: Link | undefined;
  /** Monotonic, ms. */
  until: number;
  dialling: Promise<Link> | undefined;
}

export class LinkPeers implements PeerTransport {
  readonly #options: LinkDialling;
  readonly #timeoutMs: number;
  readonly #lines = new Map<string, Line>();
  readonly #links = new Map<Link, Promise<void>>();
  readonly #sockets: MeshSockets;
  #roots: Roots;
  readonly #stops: readonly (() => void)[];

  constructor(options: LinkDialling) {
    this.#options = options;
    this.#timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.#sockets = new MeshSockets(options.clock);
    this.#roots = rootsOf(options.identity.current());
    this.#stops = [options.identity.onChange(() => this.#reload()), options.registry.onChange(() => this.#prune())];
  }

  async open(...[gateway, path, exchange]: Parameters<PeerTransport['open']>): ReturnType<PeerTransport['open']> {
    if (exchange.ending.reason) throw exchange.ending.reason;
    const line = this.#line(gateway);
    const sent = new LinkExchange(exchange, (error, phase) => explain(gateway, error, phase));
    if (line.link?.usable && performance.now() < line.until) sent.send(line.link, path);
    else void this.#sendLater(line, sent, path);
    return sent.answer;
  }

  /** Ends every link once its exchanges are over. */
  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#hangUp();
    await Promise.all(this.#links.values());
  }

  #line(gateway: string): Line {
    const peer = this.#options.registry.current()?.peers.get(gateway);
    if (!peer) throw refuse('no_route', { hop: gateway });
    const known = this.#lines.get(gateway);
    if (known && isSame(known.peer, peer)) return known;
    known?.link?.retire();
    const own = this.#options.identity.current();
    if (!own) throw refuse('peer_down', { hop: gateway, detail: 'this gateway has no mesh certificate yet' });
    const dial = linkDialler(peer, own, this.#timeoutMs);
    const line = { peer, dial, link: undefined, until: 0, dialling: undefined };
    this.#lines.set(gateway, line);
    return line;
  }

  async #sendLater(line: Line, sent: LinkExchange, path: string): Promise<void> {
    try {
      sent.send(await this.#dialled(line), path);
    } catch (error) {
      sent.unsent(error as Error);
    }
  }

  /** One dial at a time, however many wait for it. */
  #dialled(line: Line): Promise<Link> {
    line.dialling ??= this.#dial(line).finally(() => (line.dialling = undefined));
    return line.dialling;
  }

  async #dial(line: Line): Promise<Link> {
    const own = this.#options.identity.current();
    const roots = rootsOf(own);
    const socket = await line.dial();
    const link = this.#link(socket);
    const peer = peerOf(socket, own?.federation ?? '');
    if (peer) this.#sockets.add(socket, peer, roots);
    this.#sweep(); // what the snapshot says may have changed since the dial
    line.link?.retire();
    line.link = link;
    line.until = performance.now() + LIFE_MS;
    if (this.#lines.get(line.peer.name) !== line) link.retire();
    return link;
  }

  #link(socket: TLSSocket): Link {
    const { promise, resolve } = Promise.withResolvers<void>();
    const link: Link = new Link(socket, {
      dialled: true,
      beatMs: this.#timeoutMs / 2,
      onOpen: () => link.cut(new Error('it opens streams, but nobody here answers')),
      onClosed: () => {
        this.#links.delete(link);
        resolve();
      },
    });
    this.#links.set(link, promise);
    return link;
  }

  #prune(): void {
    this.#sweep();
    const peers = this.#options.registry.current()?.peers;
    for (const [name, line] of this.#lines) {
      const peer = peers?.get(name);
      if (peer && isSame(peer, line.peer)) continue;
      this.#lines.delete(name);
      line.link?.retire();
    }
  }

  #sweep(): void {
    const tables = this.#options.registry.current();
    if (tables) this.#sockets.sweep(tables.peers, this.#roots);
  }

  /** New links by the new identity; those that are open may end what is under way, if their root is trusted still. */
  #reload(): void {
    this.#roots = rootsOf(this.#options.identity.current());
    this.#hangUp();
    this.#sweep();
  }

  #hangUp(): void {
    for (const { link } of this.#lines.values()) link?.retire();
    this.#lines.clear();
  }
}

/** A line is made for what decides whom it reaches; a snapshot is a new value each time. */
const isSame = (one: Peer, other: Peer): boolean => one.dial === other.dial && one.minIssuedAt === other.minIssuedAt;

function explain(hop: string, error: Error, phase: 'unsent' | 'broken'): Refusal {
  const context = { hop, cause: error, detail: error.message };
  if (error instanceof Silent || error instanceof DialTimeout) return refuse('peer_down', context);
  if (phase === 'broken') return refuse(error instanceof IdleTimeout ? 'peer_timeout' : 'peer_failed', context);
  if (error instanceof TypeError) return refuse('internal', context); // ours: a head that cannot be written
  const code = (error as NodeJS.ErrnoException).code;
  const untrusted = error instanceof WrongPeer || /CERT|ISSUER|SELF_SIGNED|LEAF_SIGNATURE|PURPOSE/.test(code ?? '');
  return refuse(untrusted ? 'peer_untrusted' : 'peer_down', context);
}
