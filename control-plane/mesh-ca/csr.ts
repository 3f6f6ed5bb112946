/** What we take from a certificate request (RFC 2986): its public key, once the request proves that the sender holds the private one. Every name in it is ignored. */
import { problem } from '../problem.ts';
import { Pkcs10CertificateRequest, type PublicKey } from './x509.ts';

/** Throws Problem `invalid_body` for anything but a PEM request, signed by its own P-256 key. */
export async function publicKeyOfCsr(pem: string): Promise<PublicKey> {
  const request = read(pem);
  const { name, namedCurve } = request.publicKey.algorithm as { name: string; namedCurve?: string };
  if (name !== 'ECDSA' || namedCurve !== 'P-256') throw refused('expected a key on P-256');
  const holds = await request.verify().catch(() => false);
  if (!holds) throw refused('its signature does not verify with its own key');
  return request.publicKey;
}

function read(pem: string): Pkcs10CertificateRequest {
  try {
    return new Pkcs10CertificateRequest(pem);
  } catch (cause) {
    throw refused('expected a PEM block CERTIFICATE REQUEST', cause);
  }
}

const refused = (why: string, cause?: unknown): Error =>
  problem('invalid_body', `The certificate request is not acceptable: ${why}.`, { path: 'csr', cause });
