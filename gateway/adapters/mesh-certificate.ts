/**
 * Who a mesh certificate names, for both ends of a hop: the listener reads a client's, the peer transport a server's.
 * It reads what TLS has verified already; whether that gateway is an active peer is the snapshot's to say.
 * Invariant: exactly one URI SAN, spelt as we spell it; nothing that a DNS name can smuggle into the text form counts.
 */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { gatewayOfSpiffeId } from '@portolan/core';
import type { PeerConnection } from '../ports.ts';

/** One entry of Node's text form of the extension; a value that could be misread is quoted as a JSON string. */
const ENTRY = /([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** The URI SAN of `subjectAltName` (Node's text form); undefined for none, for two, and for text that is not fully understood. */
export function uriSan(subjectAltName: string | undefined): string | undefined {
  if (subjectAltName === undefined) return undefined;
  const uris: string[] = [];
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < subjectAltName.length) {
    const entry = ENTRY.exec(subjectAltName);
    if (!entry) return undefined;
    if (entry[1] === 'URI') uris.push(entry[2] ?? '');
  }
  return uris.length === 1 ? uris[0] : undefined;
}

/** The gateway that a certificate names in this federation; undefined for anyone else. */
export function gatewayOf(subjectAltName: string | undefined, federation: string): string | undefined {
  const uri = uriSan(subjectAltName);
  return uri === undefined ? undefined : gatewayOfSpiffeId(federation, uri);
}

/** The peer at the other end, and the DER of the last certificate of its chain. */
export interface MeshPeer extends PeerConnection {
  readonly top: Buffer;
}

/** The peer at the other end of a mesh connection; undefined unless TLS verified the certificate. */
export function peerOf(socket: TLSSocket, federation: string): MeshPeer | undefined {
  // first of all: Node hands out the certificate of an unverified peer, too
  if (socket.authorized !== true) return undefined;
  const certificate = socket.getPeerX509Certificate();
  const gateway = gatewayOf(certificate?.subjectAltName, federation);
  if (!certificate || gateway === undefined) return undefined;
  return {
    gateway,
    issuedAt: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    top: chainTop(certificate),
  };
}

/** DER of the last certificate of the verified chain. Node gives the issuers to the first who asks for the certificate, so it is not asked again. */
function chainTop(leaf: X509Certificate): Buffer {
  let top = leaf;
  while (top.issuerCertificate && !top.issuerCertificate.raw.equals(top.raw)) top = top.issuerCertificate;
  return top.raw;
}

/** Does a chain that ends in `top` still lead to one of these roots? Asked when the bundle changes under an open connection. */
export function leadsTo(top: Buffer, roots: readonly X509Certificate[]): boolean {
  const last = new X509Certificate(top);
  return roots.some((root) => root.raw.equals(top) || (last.checkIssued(root) && last.verify(root.publicKey)));
}
