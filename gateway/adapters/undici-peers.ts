/**
 * `PeerTransport` over HTTPS/1.1 keep-alive: one set of lanes a peer, TLS 1.3, both sides with mesh certificates.
 * The mesh name is the server name and the Host, and is never resolved: the snapshot's `dial` says where to connect.
 * Invariant: nothing is sent to a peer whose certificate does not name it; a changed key, bundle or address means new connections; a peer that has
 * died behind its connections is noticed while a call waits.
 */
import { createSecureContext, type PeerCertificate, type TLSSocket } from 'node:tls';
import { meshName, type Peer, type Refusal, refuse } from '@portolan/core';
import type { buildConnector } from 'undici';
import type { Clock, MeshCredentials, MeshIdentity, PeerTransport, Registry } from '../ports.ts';
import { gatewayOf, peerOf } from './mesh-certificate.ts';
import { MeshSockets, type Roots, rootsOf } from './mesh-sockets.ts';
import { Pulse } from './pulse.ts';
import { CONNECT_TIMEOUT_MS, DialTimeout, dialler } from './undici-dial.ts';
import { openExchange } from './undici-exchange.ts';
import { Lanes } from './undici-lanes.ts';

export interface PeerDialling {
  readonly identity: MeshIdentity;
  readonly registry: Registry;
  readonly clock: Clock;
  /** TCP and TLS together; default 2 s. */
  readonly connectTimeoutMs?: number;
}

/** The server's certificate was verified, but names another gateway than the one that was dialled. */
class WrongPeer extends Error {}

/** It says nothing, and finishes no handshake. */
class Silent extends Error {}

interface Line {
  readonly peer: Peer;
  readonly lanes: Lanes;
  readonly pulse: Pulse;
}

export class UndiciPeers implements PeerTransport {
  readonly #options: PeerDialling;
  readonly #timeoutMs: number;
  readonly #lines = new Map<string, Line>();
  readonly #sockets: MeshSockets;
  #roots: Roots;
  readonly #stops: readonly (() => void)[];

  constructor(options: PeerDialling) {
    this.#options = options;
    this.#timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.#sockets = new MeshSockets(options.clock);
    this.#roots = rootsOf(options.identity.current());
    const beat = setInterval(() => this.#cutSilent(), this.#timeoutMs / 2).unref();
    this.#stops = [
      options.identity.onChange(() => this.#reload()),
      options.registry.onChange(() => this.#prune()),
      () => clearInterval(beat),
    ];
  }

  async open(...[gateway, path, exchange]: Parameters<PeerTransport['open']>): ReturnType<PeerTransport['open']> {
    return openExchange(this.#lanes(gateway), path, exchange, (error, phase) => explain(gateway, error, phase));
  }

  /** Ends every connection once its exchange is over. */
  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    await Promise.all(this.#hangUp());
  }

  #lanes(gateway: string): Lanes {
    const peer = this.#options.registry.current()?.peers.get(gateway);
    if (!peer) throw refuse('no_route', { hop: gateway });
    const known = this.#lines.get(gateway);
    if (known && isSame(known.peer, peer)) return known.lanes;
    const line = this.#connect(peer);
    void known?.lanes.close();
    this.#lines.set(gateway, line);
    return line.lanes;
  }

  #connect(peer: Peer): Line {
    const { name } = peer;
    const own = this.#options.identity.current();
    if (!own) throw refuse('peer_down', { hop: name, detail: 'this gateway has no mesh certificate yet' });
    const dial = meshConnector(peer, own, this.#timeoutMs);
    const lanes = new Lanes(`https://${meshName(name, own.federation)}`, this.#keeping(own, dial));
    const pulse = new Pulse({ dial, heard: () => this.#sockets.heard(name), patienceMs: this.#timeoutMs });
    return { peer, lanes, pulse };
  }

  /** A connector whose connections can be cut. */
  #keeping(own: MeshCredentials, connect: buildConnector.connector): buildConnector.connector {
    const roots = rootsOf(own);
    return (target, callback) =>
      connect(target, (...result) => {
        const socket = result[1] as TLSSocket | null;
        const peer = socket && peerOf(socket, own.federation);
        if (peer) this.#sockets.add(socket, peer, roots);
        this.#sweep(); // what the snapshot says may have changed since the dial
        callback(...result);
      });
  }

  #cutSilent(): void {
    for (const [name, { peer, lanes, pulse }] of this.#lines) {
      void pulse.gone(lanes.busy).then((gone) => {
        if (gone) this.#sockets.cut(name, new Silent(`${peer.dial} finishes no handshake`));
      });
    }
  }

  #prune(): void {
    this.#sweep();
    const peers = this.#options.registry.current()?.peers;
    for (const [name, line] of this.#lines) {
      const peer = peers?.get(name);
      if (peer && isSame(peer, line.peer)) continue;
      this.#lines.delete(name);
      void line.lanes.close();
    }
  }

  #sweep(): void {
    const tables = this.#options.registry.current();
    if (tables) this.#sockets.sweep(tables.peers, this.#roots);
  }

  /** New connections by the new identity; those that are open may end what is under way, if their root is trusted still. */
  #reload(): void {
    this.#roots = rootsOf(this.#options.identity.current());
    this.#hangUp();
    this.#sweep();
  }

  #hangUp(): readonly Promise<void>[] {
    const lines = [...this.#lines.values()];
    this.#lines.clear();
    return lines.map((line) => line.lanes.close());
  }
}

/** A line is made for what decides whom it reaches; a snapshot is a new value each time. */
const isSame = (one: Peer, other: Peer): boolean => one.dial === other.dial && one.minIssuedAt === other.minIssuedAt;

function meshConnector(peer: Peer, own: MeshCredentials, timeoutMs: number): buildConnector.connector {
  const servername = meshName(peer.name, own.federation);
  const [host = '', port = ''] = peer.dial.split(/:(?=\d+$)/);
  const connect = dialler(
    {
      secureContext: createSecureContext({
        key: own.key,
        cert: own.chain,
        ca: [...own.ca],
        minVersion: 'TLSv1.3',
        maxVersion: 'TLSv1.3',
      }),
      servername,
      rejectUnauthorized: true,
      checkServerIdentity: (_name: string, certificate: PeerCertificate) => check(peer, own.federation, certificate),
    } as buildConnector.BuildOptions,
    timeoutMs,
  );
  return (_target, callback) => connect({ protocol: 'https:', hostname: host, host, port, servername }, callback);
}

function check(peer: Peer, federation: string, certificate: PeerCertificate): Error | undefined {
  const named = gatewayOf(certificate.subjectaltname, federation);
  if (named !== peer.name) return new WrongPeer(`the certificate at ${peer.dial} names ${named ?? 'no gateway'}`);
  if (Date.parse(certificate.valid_from) < peer.minIssuedAt) return new WrongPeer('the certificate has been revoked');
  return undefined;
}

function explain(hop: string, error: Error, phase: 'unsent' | 'broken'): Refusal {
  const code = (error as NodeJS.ErrnoException).code;
  const context = { hop, cause: error, detail: error.message };
  if (error instanceof Silent) return refuse('peer_down', context);
  if (phase === 'broken') return refuse(/_TIMEOUT$/.test(code ?? '') ? 'peer_timeout' : 'peer_failed', context);
  if (error instanceof DialTimeout) return refuse('peer_down', context);
  const untrusted = error instanceof WrongPeer || /CERT|ISSUER|SELF_SIGNED|LEAF_SIGNATURE|PURPOSE/.test(code ?? '');
  return refuse(untrusted ? 'peer_untrusted' : 'peer_down', context);
}
