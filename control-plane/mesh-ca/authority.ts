/**
 * The two certificate authorities of the mesh: a root, made once, and the issuing intermediate that it signs for 90 days.
 * The intermediate can name nothing outside the federation (RFC 5280 §4.2.1.10): a stolen one is worth nothing elsewhere.
 * Invariant: an authority's file holds its key, under the KEK, and its certificate together, so the two never disagree.
 */
import { createHash, type webcrypto } from 'node:crypto';
import type { Kek } from '../keys/kek.ts';
import { readIfThere, readPrivately, writePrivately } from '../keys/private-files.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  certificatePem,
  der,
  ES256,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  keyPem,
  makeKeys,
  privateKeyOf,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from './x509.ts';

const DAY_MS = 86_400_000;
const ROOT_LIFE_MS = 3_650 * DAY_MS;
export const ISSUER_LIFE_MS = 90 * DAY_MS;
/** Clocks differ: a certificate is valid from five minutes before its issue. */
export const BACKDATE_MS = 300_000;

export interface Authority {
  readonly certificate: X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

/** Pure but for its key: a self-signed root named after what it is the root of. */
export async function makeRoot(name: string, now: number, pathLength: number): Promise<Authority> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: ES256,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + ROOT_LIFE_MS),
    extensions: await authorityExtensions(keys.publicKey, pathLength),
  });
  return { certificate, key: keys.privateKey };
}

/** What an issuing intermediate may name. */
export interface IssuerScope {
  readonly federation: string;
  /** Of NATS servers in a cluster, which know each other by names that its DNS has; with all names below it. */
  readonly clusterHost?: string | undefined;
}

/** A new issuing intermediate of this federation: signs leaves only. */
export async function makeIssuer(root: Authority, scope: IssuerScope, now: number): Promise<Authority> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: [{ CN: [`${scope.federation} mesh issuer`] }],
    issuer: root.certificate.subjectName,
    publicKey: keys.publicKey,
    signingKey: root.key,
    signingAlgorithm: ES256,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(Math.min(now + ISSUER_LIFE_MS, root.certificate.notAfter.getTime())),
    extensions: [
      ...(await authorityExtensions(keys.publicKey, 0)),
      await AuthorityKeyIdentifierExtension.create(root.certificate),
      nameConstraints(scope),
    ],
  });
  return { certificate, key: keys.privateKey };
}

const authorityExtensions = async (key: webcrypto.CryptoKey, pathLength: number): Promise<Extension[]> => [
  new BasicConstraintsExtension(true, pathLength, true),
  new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  await SubjectKeyIdentifierExtension.create(key),
];

// ASN.1 tags of GeneralName (RFC 5280 §4.2.1.6) and of the two lists of subtrees
const DNS_NAME = 0x82;
const URI = 0x86;
const IP_ADDRESS = 0x87;
const SEQUENCE = 0x30;
const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;

/** Does this issuer's certificate allow the names of this scope and no others. */
export const mayName = (issuer: X509Certificate, scope: IssuerScope): boolean =>
  Buffer.from(issuer.getExtension(NAME_CONSTRAINTS)?.value ?? new ArrayBuffer(0)).equals(
    Buffer.from(nameConstraints(scope).value),
  );

const NAME_CONSTRAINTS = '2.5.29.30';

/** Only URIs of the trust domain and its mesh names; no IP address, because an absent constraint would allow every one. */
function nameConstraints({ federation, clusterHost }: IssuerScope): Extension {
  const subtree = (tag: number, value: Uint8Array): Buffer => der(SEQUENCE, der(tag, value));
  const permitted = [
    subtree(URI, Buffer.from(federation)),
    subtree(DNS_NAME, Buffer.from(`${federation}.mesh.internal`)),
    ...(clusterHost === undefined ? [] : [subtree(DNS_NAME, Buffer.from(clusterHost))]),
  ];
  // address and mask, all zero: 0.0.0.0/0 and ::/0
  const excluded = [subtree(IP_ADDRESS, Buffer.alloc(8)), subtree(IP_ADDRESS, Buffer.alloc(32))];
  const value = der(SEQUENCE, der(PERMITTED, ...permitted), der(EXCLUDED, ...excluded));
  return new Extension(NAME_CONSTRAINTS, true, new Uint8Array(value));
}

/** SHA-256 (hex) of the certificate's DER. */
export const fingerprint = (certificate: X509Certificate): string =>
  createHash('sha256').update(Buffer.from(certificate.rawData)).digest('hex');

/** Additional data of an authority's sealed key: another certificate's does not open. */
const authorityKeyAad = (certificate: X509Certificate): string => `authority-key|${fingerprint(certificate)}`;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;
const SEALED = 'PORTOLAN SEALED KEY';
const SEALED_KEY = new RegExp(`-----BEGIN ${SEALED}-----([^-]+)-----END ${SEALED}-----`);

/** PEM: the key under the KEK, then the certificate. */
export async function writeAuthority(path: string, { certificate, key }: Authority, kek: Kek): Promise<void> {
  const sealed = await kek.seal(Buffer.from(await keyPem(key)), authorityKeyAad(certificate));
  const lines = sealed.toString('base64').replace(/.{64}/g, '$&\n');
  const block = `-----BEGIN ${SEALED}-----\n${lines}\n-----END ${SEALED}-----\n`;
  await writePrivately(path, block + certificatePem(certificate));
}

/** A file with its key in clear is read too; `sealAuthority` ends that. */
export async function readAuthority(path: string, what: string, kek: Kek): Promise<Authority> {
  const text = await readPrivately(path, what);
  const pem = CERTIFICATE.exec(text)?.[0];
  if (pem === undefined) throw new Error(`${what} ${path} holds no certificate: it is damaged; restore it.`);
  const certificate = new X509Certificate(pem);
  const sealed = SEALED_KEY.exec(text)?.[1];
  if (sealed === undefined) return { certificate, key: await privateKeyOf(text) };
  const key = await kek.open(Buffer.from(sealed, 'base64'), authorityKeyAad(certificate));
  return { certificate, key: await privateKeyOf(key.toString()) };
}

/** Seals a key that lies in clear; answers whether there was one. */
export async function sealAuthority(path: string, kek: Kek): Promise<boolean> {
  const text = await readIfThere(path);
  if (text === undefined || SEALED_KEY.test(text)) return false;
  await writeAuthority(path, await readAuthority(path, 'Authority', kek), kek);
  return true;
}
