/** A mesh CA for tests: root → leaf, with every field that a test may want wrong. Real X.509, made at start. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { controlSpiffeId, gatewaySpiffeId } from '@portolan/core';
import type { MeshCredentials } from '../ports.ts';

x509.cryptoProvider.set(webcrypto as never);
const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;

export interface LeafOptions {
  readonly sans?: readonly { readonly type: 'url' | 'dns'; readonly value: string }[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly usages?: readonly string[];
}

export interface Authority {
  readonly pem: string;
  leaf(options: LeafOptions): Promise<{ readonly key: string; readonly chain: string; readonly notAfter: number }>;
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

let serial = 0;
const nextSerial = (): string => (++serial).toString(16).padStart(4, '0');

export async function makeAuthority(name: string): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ES256, true, ['sign', 'verify']);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    keys,
    signingAlgorithm: ES256,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { pem: root.toString('pem'), leaf: (options) => makeLeaf(root, keys.privateKey, options) };
}

async function makeLeaf(root: x509.X509Certificate, signingKey: webcrypto.CryptoKey, options: LeafOptions) {
  const keys = await webcrypto.subtle.generateKey(ES256, true, ['sign', 'verify']);
  const notAfter = options.notAfter ?? new Date(Date.now() + 3_600_000);
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: nextSerial(),
    subject: '',
    issuer: root.subject,
    notBefore: options.notBefore ?? new Date(Date.now() - 60_000),
    notAfter,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ES256,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([...(options.usages ?? [serverAuth, clientAuth])]),
      new x509.SubjectAlternativeNameExtension([...(options.sans ?? [])], true),
      await x509.AuthorityKeyIdentifierExtension.create(root),
    ],
  });
  return { key: await keyPem(keys.privateKey), chain: leaf.toString('pem'), notAfter: notAfter.getTime() };
}

export const spiffe = (federation: string, gateway: string): LeafOptions['sans'] => [
  { type: 'url', value: gateway === 'control' ? controlSpiffeId(federation) : gatewaySpiffeId(federation, gateway) },
];

export async function credentials(
  authority: Authority,
  federation: string,
  gateway: string,
  options: LeafOptions = {},
): Promise<MeshCredentials> {
  const leaf = await authority.leaf({ sans: spiffe(federation, gateway) ?? [], ...options });
  return { federation, gateway, ...leaf, ca: [authority.pem] };
}
