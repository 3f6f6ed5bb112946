/** Certificates of an authority that no federation knows: what an attacker can make. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface Made {
  readonly key: string;
  readonly cert: string;
}

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A leaf with one URI SAN, signed by a root made for it alone. */
export async function makeCertificate(wanted: { readonly uri: string; readonly days: number }): Promise<Made> {
  const [ca, leaf] = await Promise.all([0, 1].map(() => webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])));
  if (!ca || !leaf) throw new Error('no keys');
  const now = Date.now();
  const shared = {
    notBefore: new Date(now - 86_400_000),
    notAfter: new Date(now + wanted.days * 86_400_000),
    signingAlgorithm: ECDSA,
  };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...shared,
    keys: ca,
    name: 'CN=evil root',
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const cert = await x509.X509CertificateGenerator.create({
    ...shared,
    issuer: root.subject,
    subject: '',
    publicKey: leaf.publicKey,
    signingKey: ca.privateKey,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: wanted.uri }])],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leaf.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`;
  return { key, cert: `${cert.toString('pem')}\n${root.toString('pem')}\n` };
}
