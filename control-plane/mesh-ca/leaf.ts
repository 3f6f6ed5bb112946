/**
 * One leaf of the mesh (X.509-SVID §2–§4): exactly one URI SAN, the names it is dialled by as DNS SANs, no subject.
 * Whoever asks chooses nothing but the public key.
 */
import type { Authority } from './authority.ts';
import { BACKDATE_MS } from './authority.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ES256,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from './x509.ts';

/** What a leaf says. `notBefore`: not earlier than this (ms since epoch), whatever the allowance for clocks. */
export interface Leaf {
  readonly publicKey: PublicKey;
  readonly spiffeId: string;
  readonly dnsNames: readonly string[];
  readonly lifeMs: number;
  readonly notBefore?: number;
}

export async function makeLeaf(issuer: Authority, leaf: Leaf, now: number): Promise<X509Certificate> {
  const end = Math.min(now + leaf.lifeMs, issuer.certificate.notAfter.getTime());
  return X509CertificateGenerator.create({
    issuer: issuer.certificate.subjectName,
    publicKey: leaf.publicKey,
    signingKey: issuer.key,
    signingAlgorithm: ES256,
    notBefore: new Date(Math.max(now - BACKDATE_MS, leaf.notBefore ?? 0)),
    notAfter: new Date(end),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      // critical, because there is no subject (RFC 5280 §4.1.2.6)
      new SubjectAlternativeNameExtension(
        [{ type: 'url', value: leaf.spiffeId }, ...leaf.dnsNames.map((value) => ({ type: 'dns', value }) as const)],
        true,
      ),
      await SubjectKeyIdentifierExtension.create(leaf.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.certificate),
    ],
  });
}
