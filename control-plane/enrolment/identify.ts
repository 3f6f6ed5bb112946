/**
 * Who stands at the other end of a mesh connection, in the order that is safe: TLS verified the chain; exactly one name, of our trust domain;
 * active here, and not issued before the last retirement; still valid now. Nothing of a certificate is read as a name before it is verified.
 * `identifyForRenewal` alone forgives an expiry: then the chain is verified by hand as of its last valid moment, and the handshake has proved the key.
 */
import { gatewayOfSpiffeId } from '@portolan/core';
import type { Kysely } from 'kysely';
import type { Database } from '../db/index.ts';
import { spiffeIdOf } from '../mesh-ca/spiffe-id.ts';
import { verifyChain } from '../mesh-ca/verify-chain.ts';
import { X509Certificate } from '../mesh-ca/x509.ts';
import type { MeshCaller } from '../ports.ts';
import { problem } from '../problem.ts';

export interface Identification {
  readonly db: Kysely<Database>;
  readonly federation: string;
  /** Mesh roots, PEM. */
  readonly roots: readonly string[];
  readonly renewGraceMs: number;
  /** ms since epoch. */
  readonly now: () => number;
}

const EXPIRED = 'CERT_HAS_EXPIRED';

/** Name of the active gateway. Throws Problem `certificate_refused`. */
export async function identify(parts: Identification, caller: MeshCaller): Promise<string> {
  if (!caller.authorized) throw refused(`it is not trusted (${caller.authorizationError ?? 'no certificate'})`);
  return activeGateway(parts, new X509Certificate(new Uint8Array(caller.certificate.raw)));
}

/** The same, but for an expired certificate within `renewGrace`. */
export async function identifyForRenewal(parts: Identification, caller: MeshCaller): Promise<string> {
  if (caller.authorized || caller.authorizationError !== EXPIRED || parts.renewGraceMs === 0)
    return identify(parts, caller);
  const leaf = new X509Certificate(new Uint8Array(caller.certificate.raw));
  if (parts.now() - leaf.notAfter.getTime() > parts.renewGraceMs)
    throw refused('it expired too long ago to be renewed: enrol again with a new one-time secret');
  const others = issuersOf(caller).map((der) => new X509Certificate(new Uint8Array(der)));
  const roots = parts.roots.map((pem) => new X509Certificate(pem));
  const lastMoment = leaf.notAfter.getTime() - 1_000;
  if (!(await verifyChain({ leaf, others, roots }, new Date(lastMoment)))) throw refused('its chain does not verify');
  return activeGateway(parts, leaf, lastMoment);
}

/** DER of the certificates that the peer sent after its leaf. */
function issuersOf({ certificate }: MeshCaller): readonly Buffer[] {
  const found: Buffer[] = [];
  for (let next = certificate.issuerCertificate; next && found.length < 4; next = next.issuerCertificate) {
    if (found.some((der) => next?.raw.equals(der))) break; // a root is its own issuer
    found.push(next.raw);
  }
  return found;
}

async function activeGateway(parts: Identification, leaf: X509Certificate, at: number = parts.now()): Promise<string> {
  const name = gatewayOfSpiffeId(parts.federation, spiffeIdOf(leaf) ?? '');
  if (name === undefined) throw refused('it names no gateway of this federation');
  const row = await parts.db
    .selectFrom('gateways')
    .select(['status', 'min_issued_at'])
    .where('name', '=', name)
    .executeTakeFirst();
  if (row?.status !== 'active') throw refused('this gateway is not active in the registry');
  if (leaf.notBefore < row.min_issued_at) throw refused('it was issued before the gateway was retired');
  if (leaf.notAfter.getTime() < at) throw refused('it has expired');
  return name;
}

const refused = (why: string): Error =>
  problem('certificate_refused', `This mesh certificate is not accepted: ${why}.`);
