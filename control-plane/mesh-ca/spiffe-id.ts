/** The one name that a mesh certificate carries (X.509-SVID §2). Read from ASN.1: the text form that TLS libraries print can be forged by a DNS name. */
import { SubjectAlternativeNameExtension, type X509Certificate } from './x509.ts';

/** The certificate's URI, when it has exactly one; undefined for none, several, or names that cannot be read. */
export function spiffeIdOf(certificate: X509Certificate): string | undefined {
  try {
    const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
    const [uri, ...more] = names.filter((name) => name.type === 'url');
    return more.length === 0 ? uri?.value : undefined;
  } catch {
    return undefined; // a kind of name that the parser refuses
  }
}
