/**
 * `PeerTransport` over links: one connection a peer, dialled when it is first needed.
 * Invariant: nothing is sent to a peer whose certificate does not name it; a changed key, bundle or address means a new link, and the old one ends
 * when its exchanges have; a link that the snapshot no longer allows is cut.
 */
import type { TLSSocket } from 'node:tls';
import { type Peer, type Refusal, refuse } from '@portolan/core';
import type {
  Answer,
  Clock,
  Exchange,
  Log,
  MeshCredentials,
  MeshIdentity,
  PeerTransport,
  Registry,
} from '../../ports.ts';
import { CONNECT_TIMEOUT_MS, DialTimeout } from '../connect-timeout.ts';
import { peerOf } from '../mesh-certificate.ts';
import { MeshSockets, type Roots, rootsOf } from '../mesh-sockets.ts';
import type { Explain } from '../reception.ts';
import { type DialLink, linkDialler, WrongPeer } from './dial-link.ts';
import { Breach } from './frames.ts';
import { BEAT_MS, Link, LinkRefused, Silent } from './link.ts';
import { LinkExchange, TooMany } from './link-exchange.ts';

export interface LinkDialling {
  readonly identity: MeshIdentity;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  /** Look-up, TCP and TLS together; default 2 s. */
  readonly connectTimeoutMs?: number;
  /** A peer that is silent for six beats is gone; default 1 s. */
  readonly beatMs?: number;
}

/** A link that is older is replaced when it is needed: who balances the peer's replicas chooses again, and an address that has moved takes effect. */
const LIFE_MS = 3_600_000;

/** From a renewal that failed to the next. */
const AGAIN_MS = 60_000;

/** A peer, and the link to it. */
interface Line {
  readonly peer: Peer;
  /** As whom it is dialled. */
  readonly own: MeshCredentials;
  readonly dial: DialLink;
  readonly explain: Explain;
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

  open(gateway: string, path: string, exchange: Exchange): Promise<Answer> {
    if (exchange.ending.reason) throw exchange.ending.reason;
    const line = this.#line(gateway);
    const sent = new LinkExchange(exchange, line.explain);
    if (line.link?.usable) {
      sent.send(line.link, path);
      if (performance.now() > line.until) this.#renew(line);
    } else void this.#sendLater(line, sent, path);
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
    const explained: Explain = (error, phase) => explain(gateway, error, phase);
    const line = { peer, own, dial, explain: explained, link: undefined, until: 0, dialling: undefined };
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

  /** Beside the old link, which goes on until there is a new one. */
  #renew(line: Line): void {
    line.until = Number.POSITIVE_INFINITY;
    this.#dialled(line).catch((error: Error) => {
      line.until = performance.now() + AGAIN_MS;
      this.#options.log.warn({ err: error, peer: line.peer.name }, 'an old link could not be replaced');
    });
  }

  /** One dial at a time, however many wait for it. */
  #dialled(line: Line): Promise<Link> {
    line.dialling ??= this.#dial(line).finally(() => (line.dialling = undefined));
    return line.dialling;
  }

  async #dial(line: Line): Promise<Link> {
    const socket = await line.dial();
    const link = this.#link(socket, line.peer.name);
    const peer = peerOf(socket, line.own.federation);
    if (peer) this.#sockets.add(socket, peer, rootsOf(line.own));
    else link.cut();
    this.#sweep(); // what the snapshot says may have changed since the dial
    if (!link.usable) throw new WrongPeer(`${line.peer.name} is no longer who it was when it was dialled`);
    line.link?.retire();
    line.link = link;
    line.until = performance.now() + LIFE_MS;
    // another line has taken its place meanwhile: it serves those who have waited for it
    if (this.#lines.get(line.peer.name) !== line) setImmediate(() => link.retire());
    return link;
  }

  #link(socket: TLSSocket, peer: string): Link {
    const { promise, resolve } = Promise.withResolvers<void>();
    const link: Link = new Link(socket, {
      dialled: true,
      beatMs: this.#options.beatMs ?? BEAT_MS,
      onOpen: () => {
        throw new Breach('it asks, but nobody here answers');
      },
      onClosed: (error) => {
        if (error) this.#options.log.warn({ err: error, peer }, 'a link has broken');
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
  if (error instanceof TooMany) return refuse('overloaded', context);
  if (error instanceof LinkRefused) return refuse('peer_refused_us', { ...context, detail: error.fault });
  if (error instanceof Silent || error instanceof DialTimeout) return refuse('peer_down', context);
  if (phase === 'broken') return refuse('peer_failed', context);
  if (error instanceof TypeError) return refuse('internal', context); // a head of ours that cannot be written
  const code = (error as NodeJS.ErrnoException).code;
  const untrusted = error instanceof WrongPeer || /CERT|ISSUER|SELF_SIGNED|LEAF_SIGNATURE|PURPOSE/.test(code ?? '');
  return refuse(untrusted ? 'peer_untrusted' : 'peer_down', context);
}
