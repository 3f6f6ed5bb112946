/**
 * What makes a mesh certificate chain acceptable: every signature up to a known root, its life, exactly one URI SAN, our own key.
 * Pure checks over PEM; the mesh of security.md is SPIFFE X.509-SVID §2–4. Nothing is trusted here that was not checked here.
 */
import 'reflect-metadata'; // @peculiar/x509 demands it before its own import
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { X509Certificate as Parsed, SubjectAlternativeNameExtension } from '@peculiar/x509';

/** The chain, key or root that was offered is not what it must be; the message says which check failed. */
export class CertificateRefused extends Error {
  override readonly name = 'CertificateRefused';
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, in order; throws `CertificateRefused` where there is none or one is torn. */
export function readChain(pem: string): readonly X509Certificate[] {
  const found = pem.match(PEM) ?? [];
  if (found.length === 0) throw new CertificateRefused('expected PEM certificates, found none');
  try {
    return found.map((text) => new X509Certificate(text));
  } catch (cause) {
    throw new CertificateRefused('a certificate of the chain cannot be read', { cause });
  }
}

/** Is the leaf of this chain for this key (PKCS#8 PEM). */
export const certifies = (chain: string, key: string): boolean =>
  readChain(chain)[0]?.checkPrivateKey(createPrivateKey(key)) ?? false;

/** SHA-256 of the DER, lower-case hex. */
export const fingerprint = (certificate: X509Certificate): string =>
  createHash('sha256').update(certificate.raw).digest('hex');

export interface ExpectedLeaf {
  /** PEM of mesh roots. */
  readonly roots: readonly string[];
  readonly spiffeId: string;
  /** PKCS#8 PEM of the key that the leaf must certify. */
  readonly key: string;
  /** ms since epoch. */
  readonly now: number;
}

/** Checks leaf → intermediates → one of the roots; answers the leaf's end (ms since epoch). Throws `CertificateRefused`. */
export function checkChain(pem: string, expected: ExpectedLeaf): { readonly notAfter: number } {
  const [leaf, ...issuers] = readChain(pem);
  const roots = expected.roots.flatMap(readChain);
  if (!leaf) throw new CertificateRefused('the chain is empty');
  if (!certifies(pem, expected.key)) throw new CertificateRefused('the certificate is for another key than ours');
  if (leaf.ca) throw new CertificateRefused('the leaf is an authority');
  checkSpiffeId(leaf.raw, expected.spiffeId);
  const top = issuers.reduce(checkIssued, leaf);
  const root = roots.find((candidate) => top.checkIssued(candidate) && top.verify(candidate.publicKey));
  if (!root) throw new CertificateRefused('the chain does not end at a root of this mesh');
  for (const certificate of [leaf, ...issuers, root]) checkLife(certificate, expected.now);
  return { notAfter: leaf.validToDate.getTime() };
}

function checkIssued(subject: X509Certificate, issuer: X509Certificate): X509Certificate {
  if (issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey)) return issuer;
  throw new CertificateRefused('a certificate of the chain is not signed by the next');
}

function checkLife(certificate: X509Certificate, now: number): void {
  const [from, to] = [certificate.validFromDate, certificate.validToDate];
  if (from.getTime() <= now && now < to.getTime()) return;
  const clock = new Date(now).toISOString();
  throw new CertificateRefused(
    `a certificate of the chain is valid from ${from.toISOString()} to ${to.toISOString()} only, our clock says ${clock}`,
  );
}

/** Demands exactly one URI SAN with exactly this value. Parsed as ASN.1: the printed form of a SAN can be forged. */
export function checkSpiffeId(der: Buffer, expected: string): void {
  const names = new Parsed(der).getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  const uris = names.filter((name) => name.type === 'url').map((name) => name.value);
  if (uris.length === 1 && uris[0] === expected) return;
  throw new CertificateRefused(
    `expected the one URI SAN ${expected}, got ${uris.length === 1 ? uris[0] : uris.length}`,
  );
}
