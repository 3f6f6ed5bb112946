/**
 * The site's own CA and the leaf for its public names, where no certificate was given: what `localhost` and a first try need.
 * The leaf is renewed when fewer than 30 days are left or the hosts have changed; the CA stays, because others trust it.
 */
import { rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dataFiles } from '../config.ts';
import type { Kek } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import { readIfThere, writePrivately } from '../keys/private-files.ts';
import { type Authority, BACKDATE_MS, makeRoot, readAuthority, writeAuthority } from '../mesh-ca/authority.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  certificatePem,
  ES256,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  keyPem,
  makeKeys,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '../mesh-ca/x509.ts';

const DAY_MS = 86_400_000;
/** Apple's and browsers' limit for a leaf of a private CA is 825 days; a year is enough. */
const LEAF_LIFE_MS = 365 * DAY_MS;
const RENEW_BEFORE_MS = 30 * DAY_MS;

export interface SitePlace {
  readonly dataDir: string;
  /** Opens and seals the CA's key. */
  readonly kek: Kek;
}

/** Makes what is missing or old; answers whether it made the CA, the leaf. */
export async function ensureSiteCertificate(
  place: SitePlace,
  hosts: readonly string[],
  now: number,
): Promise<{ readonly ca: boolean; readonly leaf: boolean }> {
  const made = await ensureCa(place, now);
  const files = dataFiles(place.dataDir);
  const present = await readIfThere(files.siteCertificate);
  const fits = !made && present !== undefined && (await readIfThere(files.siteKey)) !== undefined;
  if (fits && isGood(present, hosts, now)) return { ca: made, leaf: false };
  const ca = await readAuthority(keyFiles(place.dataDir).siteRoot, 'Site CA', place.kek);
  const leaf = await makeLeaf(ca, hosts, now);
  // certificate last: it is what the next init looks at, so a crash in between makes both again
  await rm(files.siteCertificate, { force: true });
  await writePrivately(files.siteKey, leaf.key);
  await writePrivately(files.siteCertificate, leaf.certificate);
  return { ca: made, leaf: true };
}

interface Leaf {
  readonly certificate: string;
  readonly key: string;
}

async function ensureCa({ dataDir, kek }: SitePlace, now: number): Promise<boolean> {
  const { siteRoot } = keyFiles(dataDir);
  const isNew = (await readIfThere(siteRoot)) === undefined;
  if (isNew) await writeAuthority(siteRoot, await makeRoot('Portolan site CA', now, 0), kek);
  const ca = await readAuthority(siteRoot, 'Site CA', kek);
  const { siteCa } = dataFiles(dataDir);
  const pem = certificatePem(ca.certificate);
  if ((await readIfThere(siteCa)) !== pem) await writePrivately(siteCa, pem);
  return isNew;
}

/** Pure: names exactly these hosts and lasts another 30 days. */
export function isGood(pem: string, hosts: readonly string[], now: number): boolean {
  const leaf = new X509Certificate(pem);
  const named = leaf.getExtension(SubjectAlternativeNameExtension);
  return (
    leaf.notAfter.getTime() - now > RENEW_BEFORE_MS &&
    named !== null &&
    Buffer.from(named.value).equals(Buffer.from(hostNames(hosts).value))
  );
}

const hostNames = (hosts: readonly string[]): SubjectAlternativeNameExtension =>
  new SubjectAlternativeNameExtension(
    hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }) as const),
    true, // there is no subject
  );

async function makeLeaf(ca: Authority, hosts: readonly string[], now: number): Promise<Leaf> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.create({
    issuer: ca.certificate.subjectName,
    publicKey: keys.publicKey,
    signingKey: ca.key,
    signingAlgorithm: ES256,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + LEAF_LIFE_MS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      hostNames(hosts),
      await AuthorityKeyIdentifierExtension.create(ca.certificate),
    ],
  });
  return { certificate: certificatePem(certificate), key: await keyPem(keys.privateKey) };
}
