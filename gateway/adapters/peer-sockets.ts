/** The connections to peers that this gateway has dialled, as long as they are open: which peers are heard on them, and how all to one peer are cut. */
import type { TLSSocket } from 'node:tls';

interface Dialled {
  readonly gateway: string;
  /** `bytesRead` when somebody asked last. */
  read: number;
}

export class PeerSockets {
  readonly #open = new Map<TLSSocket, Dialled>();

  /** `socket`: verified and shaken. */
  add(gateway: string, socket: TLSSocket): void {
    this.#open.set(socket, { gateway, read: socket.bytesRead });
    socket.once('close', () => this.#open.delete(socket));
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
