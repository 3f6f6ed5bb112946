/**
 * A call that another gateway forwards: the mesh certificate says which gateway, the proof says for whom. A token never crosses a hop.
 * The connection was checked when it was made; here is what can change under it: the clock, the snapshot, the peer matrix.
 * Invariant: `portolan-*` headers are believed from an authenticated active peer alone, and refused from everyone else.
 */
import { CALLER_HEADER, HOP_HEADER, type Hop, type HopCaller, readCaller, readHop, refuse } from '@portolan/core';
import type { Accepted } from '../context.ts';
import type { CheckableToken, PeerConnection, Tables } from '../ports.ts';
import type { Proofs } from '../proofs.ts';
import type { Authenticator } from './authenticator.ts';
import { principalOf } from './principal.ts';

export const peerProof: Authenticator = {
  kind: 'peer-proof',
  identify(request, tables, { clock, proofs }) {
    if (request.door.kind !== 'mesh') {
      if (request.head.claimsHop) throw refuse('hop_header_spoofed');
      return undefined;
    }
    const now = clock.now();
    const peer = activePeer(request.door.peer, tables, now);
    const { hop, caller } = hopHeaders(request, peer);
    return { principal: principalOf(proven(caller, tables, proofs, now)), hop, proofFor: undefined };
  },
};

/** In the order of the checks: the certificate, its time, the peer matrix, revocation. Answers the peer's name. */
function activePeer(connection: PeerConnection | undefined, tables: Tables, now: number): string {
  if (!connection) throw refuse('peer_certificate', { detail: 'not verified, or names no gateway of this federation' });
  if (connection.notAfter <= now) throw refuse('peer_certificate', { detail: `expired: ${connection.gateway}` });
  const peer = tables.peers.get(connection.gateway);
  if (!peer) throw refuse('peer_unknown', { hop: tables.self.name, detail: connection.gateway });
  if (connection.issuedAt < peer.minIssuedAt) throw refuse('peer_certificate', { detail: `revoked: ${peer.name}` });
  return peer.name;
}

function hopHeaders({ headers }: Accepted, peer: string): { readonly hop: Hop; readonly caller: HopCaller } {
  const hop = readHop(String(headers[HOP_HEADER] ?? ''));
  const caller = readCaller(String(headers[CALLER_HEADER] ?? ''));
  if (!hop || !caller) throw refuse('hop_header_malformed', { detail: `from ${peer}` });
  if (hop.entry !== peer) throw refuse('hop_header_malformed', { detail: `${peer} speaks for ${hop.entry}` });
  return { hop, caller };
}

function proven(caller: HopCaller, tables: Tables, proofs: Proofs, now: number): CheckableToken {
  const token = tables.tokens.get(caller.id);
  if (!token || token.kind !== caller.kind) throw refuse('token_invalid', { detail: `no token ${caller.id}` });
  if (!proofs.isGood(token, caller.proof)) throw refuse('proof_invalid', { hop: tables.self.name });
  if (token.expiresAt <= now) throw refuse('token_expired');
  return token;
}
