/**
 * The open connections of one end of the mesh, taken or dialled: which gateway is at the other end, by which certificate. TLS has verified them once;
 * here is what can change after that. Invariant: a connection is cut, whatever is under way on it, when its peer is retired, its certificate revoked
 * or at its end, or when its chain leads to no root in force any more.
 */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Peer } from '@portolan/core';
import type { Clock, MeshCredentials } from '../ports.ts';
import { leadsTo, type MeshPeer } from './mesh-certificate.ts';

/** Mesh roots in force. */
export type Roots = readonly X509Certificate[];

const MAX_TIMER_MS = 2 ** 31 - 1;

interface Open {
  readonly peer: MeshPeer;
  /** The roots that TLS verified it against. */
  readonly then: Roots;
}

export class MeshSockets {
  readonly #open = new Map<TLSSocket, Open>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `socket` was verified against `then`; until it closes, it may be cut. */
  add(socket: TLSSocket, peer: MeshPeer, then: Roots): void {
    this.#open.set(socket, { peer, then });
    const life = Math.min(peer.notAfter - this.#clock.now(), MAX_TIMER_MS);
    const expiry = setTimeout(() => socket.destroy(new Error('the certificate is at its end')), Math.max(life, 0));
    socket.once('close', () => {
      clearTimeout(expiry);
      this.#open.delete(socket);
    });
  }

  /** Cuts those that `peers` and `now` no longer allow. */
  sweep(peers: ReadonlyMap<string, Peer>, now: Roots): void {
    for (const [socket, { peer, then }] of this.#open) {
      const known = peers.get(peer.gateway);
      const trusted = isSubset(then, now) || leadsTo(peer.top, now);
      if (!known || peer.issuedAt < known.minIssuedAt || !trusted)
        socket.destroy(new Error('the snapshot no longer allows this connection'));
    }
  }
}

export const rootsOf = (own: MeshCredentials | undefined): Roots =>
  own?.ca.map((pem) => new X509Certificate(pem)) ?? [];

/** Every root that was trusted then is trusted now: what TLS verified then holds still. */
const isSubset = (then: Roots, now: Roots): boolean =>
  then.every((root) => now.some((other) => other.raw.equals(root.raw)));
