/** An authority of its own, and a certificate of a public name that it signs: what a company's CA does. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface PublicCertificate {
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;

/** Good for thirty days. */
export async function publicCertificate(names: readonly string[]): Promise<PublicCertificate> {
  const [authority, leaf] = await Promise.all([makeKeys(), makeKeys()]);
  const now = Date.now();
  const shared = { notBefore: new Date(now - dayMs), notAfter: new Date(now + 30 * dayMs), signingAlgorithm: ECDSA };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...shared,
    keys: authority,
    name: 'CN=stand-in authority',
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const certificate = await x509.X509CertificateGenerator.create({
    ...shared,
    issuer: root.subject,
    subject: '',
    publicKey: leaf.publicKey,
    signingKey: authority.privateKey,
    extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })))],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leaf.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`;
  return { ca: `${root.toString('pem')}\n`, cert: `${certificate.toString('pem')}\n`, key };
}

const makeKeys = () => webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
