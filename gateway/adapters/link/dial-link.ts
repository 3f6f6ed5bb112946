/**
 * Makes the connection of a link: TLS 1.3, both sides with mesh certificates, one deadline over name look-up, TCP and TLS.
 * The mesh name is the server name, and is never resolved: the snapshot's `dial` says where to connect.
 */
import { connect, createSecureContext, type PeerCertificate, type TLSSocket } from 'node:tls';
import { meshName, type Peer } from '@portolan/core';
import type { MeshCredentials } from '../../ports.ts';
import { DialTimeout } from '../connect-timeout.ts';
import { gatewayOf } from '../mesh-certificate.ts';
import { LINK_PROTOCOL } from './frames.ts';

/** The server's certificate was verified, but names another gateway than the one that was dialled. */
export class WrongPeer extends Error {}

/** Rejects with `WrongPeer`, `DialTimeout`, or the error of network or TLS. */
export type DialLink = () => Promise<TLSSocket>;

export function linkDialler(peer: Peer, own: MeshCredentials, timeoutMs: number): DialLink {
  const [host = '', port = ''] = peer.dial.split(/:(?=\d+$)/);
  const secureContext = createSecureContext({
    key: own.key,
    cert: own.chain,
    ca: [...own.ca],
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
  });
  const options = {
    host: host.replace(/^\[|\]$/g, ''),
    port: Number(port),
    servername: meshName(peer.name, own.federation),
    secureContext,
    ALPNProtocols: [LINK_PROTOCOL],
    rejectUnauthorized: true,
    checkServerIdentity: (_name: string, certificate: PeerCertificate) => check(peer, own.federation, certificate),
  };
  return () => {
    const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
    const socket = connect(options);
    const timer = setTimeout(() => socket.destroy(new DialTimeout(timeoutMs)), timeoutMs);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol === LINK_PROTOCOL) resolve(socket);
      else socket.destroy(new Error(`${peer.dial} does not speak ${LINK_PROTOCOL}`));
    });
    return promise.finally(() => clearTimeout(timer));
  };
}

function check(peer: Peer, federation: string, certificate: PeerCertificate): Error | undefined {
  const named = gatewayOf(certificate.subjectaltname, federation);
  if (named !== peer.name) return new WrongPeer(`the certificate at ${peer.dial} names ${named ?? 'no gateway'}`);
  if (Date.parse(certificate.valid_from) < peer.minIssuedAt) return new WrongPeer('the certificate has been revoked');
  return undefined;
}
