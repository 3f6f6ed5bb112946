/**
 * The connections to peers that this gateway has dialled, as long as they are open: who is at the other end, by which certificate.
 * The mirror of what the TLS listener keeps of those that come in. Invariant: a connection that the snapshot no longer allows is cut, whatever is
 * under way on it.
 */
import type { TLSSocket } from 'node:tls';
import type { Peer } from '@portolan/core';

interface Dialled {
  readonly gateway: string;
  /** ms since epoch, of the peer's certificate. */
  readonly issuedAt: number;
  /** `bytesRead` when somebody asked last. */
  read: number;
}

export class PeerSockets {
  readonly #open = new Map<TLSSocket, Dialled>();

  /** `socket`: verified and shaken. */
  add(gateway: string, socket: TLSSocket): void {
    const issuedAt = Date.parse(socket.getPeerCertificate().valid_from);
    this.#open.set(socket, { gateway, issuedAt, read: socket.bytesRead });
    socket.once('close', () => this.#open.delete(socket));
  }

  /** Cuts those to gateways that are no peers any more, or whose certificates have been revoked. */
  sweep(peers: ReadonlyMap<string, Peer>): void {
    for (const [socket, { gateway, issuedAt }] of this.#open) {
      const peer = peers.get(gateway);
      if (!peer || issuedAt < peer.minIssuedAt)
        socket.destroy(new Error('the snapshot no longer allows this connection'));
    }
  }

  cut(gateway: string, reason: Error): void {
    for (const [socket, dialled] of this.#open) if (dialled.gateway === gateway) socket.destroy(reason);
  }

  /** Has a byte come from this gateway, on any connection, since this was asked last? */
  heard(gateway: string): boolean {
    let heard = false;
    for (const [socket, dialled] of this.#open) {
      if (dialled.gateway !== gateway || dialled.read === socket.bytesRead) continue;
      dialled.read = socket.bytesRead;
      heard = true;
    }
    return heard;
  }
}
