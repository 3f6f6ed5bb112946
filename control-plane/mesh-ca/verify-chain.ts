/**
 * Verifies a leaf of the mesh by hand, as of a given moment. TLS does this for every connection; only an expired leaf that asks for its renewal
 * comes here, because OpenSSL's verdict "expired" says nothing of whether the rest of the chain would hold.
 */
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type X509Certificate,
} from './x509.ts';

export interface Chain {
  readonly leaf: X509Certificate;
  /** What the peer sent besides its leaf, in any order. */
  readonly others: readonly X509Certificate[];
  readonly roots: readonly X509Certificate[];
}

/** True when leaf ← issuing intermediate ← one of our roots, each signed by the next, each valid at that moment, each fit for its part. */
export async function verifyChain(chain: Chain, at: Date): Promise<boolean> {
  if (!isClientLeaf(chain.leaf)) return false;
  const issuer = await issuerOf(chain.leaf, chain.others, at);
  return issuer !== undefined && (await issuerOf(issuer, chain.roots, at)) !== undefined;
}

async function issuerOf(
  certificate: X509Certificate,
  candidates: readonly X509Certificate[],
  at: Date,
): Promise<X509Certificate | undefined> {
  for (const candidate of candidates) {
    if (candidate.subject !== certificate.issuer || !isAuthority(candidate)) continue;
    if (await certificate.verify({ publicKey: candidate.publicKey, date: at }).catch(() => false)) return candidate;
  }
  return undefined;
}

function isAuthority(certificate: X509Certificate): boolean {
  const usage = certificate.getExtension(KeyUsagesExtension)?.usages ?? 0;
  return certificate.getExtension(BasicConstraintsExtension)?.ca === true && (usage & KeyUsageFlags.keyCertSign) !== 0;
}

function isClientLeaf(certificate: X509Certificate): boolean {
  const usages = certificate.getExtension(ExtendedKeyUsageExtension)?.usages ?? [];
  return (
    certificate.getExtension(BasicConstraintsExtension)?.ca !== true &&
    usages.some((usage) => usage === ExtendedKeyUsage.clientAuth)
  );
}
