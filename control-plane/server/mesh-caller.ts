/**
 * Who stands at the other end of a TLS connection to the mesh name.
 * `authorized` is what the handshake found; a connection may outlive its certificate, so the time is checked again at each request.
 */
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { MeshCaller } from '../ports.ts';

/** Undefined: not a connection to the mesh name. `caller` undefined: one without a certificate. */
export function meshCaller(
  socket: Socket,
  { meshName, now }: { readonly meshName: string; readonly now: () => number },
): { readonly caller: MeshCaller | undefined } | undefined {
  if (!(socket instanceof TLSSocket) || serverName(socket) !== meshName) return undefined;
  const certificate = peerCertificate(socket);
  if (!certificate) return { caller: undefined };
  const expired = Date.parse(certificate.validTo) <= now();
  const error = socket.authorized ? undefined : String(socket.authorizationError);
  return {
    caller: {
      certificate,
      authorized: socket.authorized && !expired,
      authorizationError: error ?? (expired ? 'CERT_HAS_EXPIRED' : undefined),
    },
  };
}

const CERTIFICATE = Symbol('peer certificate');

/** Kept with its connection: Node gives the issuers that the peer sent to the first who asks and to nobody after (seen with 24.21). */
function peerCertificate(
  socket: TLSSocket & { [CERTIFICATE]?: X509Certificate | undefined },
): X509Certificate | undefined {
  socket[CERTIFICATE] ??= socket.getPeerX509Certificate();
  return socket[CERTIFICATE];
}

/** SNI as the client sent it; Node answers `false` where it sent none, and the types do not know of it on the server's side. */
function serverName(socket: TLSSocket & { readonly servername?: string | false | null }): string | undefined {
  return typeof socket.servername === 'string' ? socket.servername.toLowerCase() : undefined;
}
