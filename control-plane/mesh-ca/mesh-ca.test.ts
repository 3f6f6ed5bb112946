/** The mesh's certificates, judged by OpenSSL (Node's TLS) and by our own reading; time is the only thing that is played. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kekOf } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import { makePrivateDirectory } from '../keys/private-files.ts';
import type { MeshMaterial } from '../ports.ts';
import { callerWith } from '../test/mesh-callers.ts';
import { type Authority, BACKDATE_MS, ISSUER_LIFE_MS, makeIssuer, makeRoot, writeAuthority } from './authority.ts';
import { ControlCertificate } from './control-certificate.ts';
import { type Leaf, makeLeaf } from './leaf.ts';
import { isOld, MeshCa } from './signer.ts';
import { spiffeIdOf } from './spiffe-id.ts';
import { verifyChain } from './verify-chain.ts';
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
  PublicKey,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from './x509.ts';

/** What Node says for OpenSSL's "permitted" and "excluded subtree violation". */
const NAME_CONSTRAINED = 'UNSPECIFIED';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const start = Date.now();
const names = { spiffeId: 'spiffe://test/gateway/aws', dnsNames: ['aws.test.mesh.internal'], lifeMs: DAY };
const kek = kekOf(randomBytes(32));
let dir: string;
let root: Authority;
let clock: number;
const now = (): number => clock;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'portolan-ca-'));
  for (const directory of keyFiles(dir).directories) await makePrivateDirectory(directory);
  root = await makeRoot('test mesh root', start, 1);
  await writeAuthority(keyFiles(dir).meshRoot, root, kek);
  await writeAuthority(keyFiles(dir).meshIssuer, await makeIssuer(root, { federation: 'test' }, start), kek);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function openCa(at = start): Promise<MeshCa> {
  clock = at;
  return MeshCa.open({ dataDir: dir, federation: 'test', kek, now });
}
const leafFor = async (more: Partial<Leaf> = {}): Promise<Leaf> => ({
  publicKey: await PublicKey.create((await makeKeys()).publicKey),
  ...names,
  ...more,
});

test('a leaf says what X.509-SVID demands and nothing else', async () => {
  const { certificate } = await (await openCa()).sign(await leafFor());
  expect(certificate.subject).toBe('');
  expect(certificate.getExtension(SubjectAlternativeNameExtension)?.names.toJSON()).toEqual([
    { type: 'url', value: names.spiffeId },
    { type: 'dns', value: names.dnsNames[0] },
  ]);
  expect(certificate.getExtension(BasicConstraintsExtension)?.ca).toBe(false);
  expect(certificate.getExtension(KeyUsagesExtension)?.usages).toBe(KeyUsageFlags.digitalSignature);
  expect(certificate.getExtension(ExtendedKeyUsageExtension)?.usages).toEqual([
    ExtendedKeyUsage.serverAuth,
    ExtendedKeyUsage.clientAuth,
  ]);
  const seconds = (ms: number): number => Math.floor(ms / 1_000);
  expect(seconds(certificate.notBefore.getTime())).toBe(seconds(start - BACKDATE_MS));
  expect(seconds(certificate.notAfter.getTime())).toBe(seconds(start + DAY));
});

describe('the issuing intermediate', () => {
  test('is made anew when a third of its life is left, and what the old one signed still verifies', async () => {
    const ca = await openCa();
    const early = await ca.sign(await leafFor());
    clock = start + ISSUER_LIFE_MS * 0.6;
    const middle = await ca.sign(await leafFor());
    clock = start + ISSUER_LIFE_MS * 0.7;
    const [late, twin] = await Promise.all([ca.sign(await leafFor()), ca.sign(await leafFor())]);
    const issuerOf = ({ chain }: { chain: string }) => chain.slice(chain.lastIndexOf('-----BEGIN'));
    expect(issuerOf(middle)).toBe(issuerOf(early));
    expect(issuerOf(late)).not.toBe(issuerOf(early));
    expect(issuerOf(twin)).toBe(issuerOf(late));
    expect(late.certificate.notAfter.getTime()).toBeGreaterThan(clock + DAY - 2_000);
    // another process finds the new one
    expect(issuerOf(await (await openCa(clock)).sign(await leafFor()))).toBe(issuerOf(late));
    for (const { certificate, chain } of [middle, late]) {
      const others = [new X509Certificate(issuerOf({ chain }))];
      const at = new Date(certificate.notAfter.getTime() - 1_000);
      expect(await verifyChain({ leaf: certificate, others, roots: [root.certificate] }, at)).toBe(true);
    }
    await writeAuthority(keyFiles(dir).meshIssuer, await makeIssuer(root, { federation: 'test' }, start), kek);
  });

  test('a stolen one can name nothing outside the federation: OpenSSL refuses each', async () => {
    const issuer = await makeIssuer(root, { federation: 'test' }, start);
    const material = await materialOf(await openCa());
    const seen = async (
      extra: { type: 'url' | 'dns' | 'ip'; value: string }[],
      subject = '',
    ): Promise<string | undefined> => {
      const keys = await makeKeys();
      const certificate = await X509CertificateGenerator.create({
        ...(subject ? { subject } : {}),
        issuer: issuer.certificate.subjectName,
        publicKey: keys.publicKey,
        signingKey: issuer.key,
        signingAlgorithm: ES256,
        notBefore: new Date(start - BACKDATE_MS),
        notAfter: new Date(start + DAY),
        extensions: [
          new SubjectAlternativeNameExtension(extra, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
          await AuthorityKeyIdentifierExtension.create(issuer.certificate),
        ],
      });
      const chain = certificatePem(certificate) + certificatePem(issuer.certificate);
      return (await callerWith(material, { chain, key: await keyPem(keys.privateKey) })).authorizationError;
    };
    expect(await seen([{ type: 'url', value: names.spiffeId }])).toBeUndefined();
    expect(await seen([{ type: 'url', value: 'spiffe://other/gateway/aws' }])).toBe(NAME_CONSTRAINED);
    expect(await seen([{ type: 'dns', value: 'example.com' }])).toBe(NAME_CONSTRAINED);
    expect(
      await seen([
        { type: 'url', value: names.spiffeId },
        { type: 'ip', value: '10.0.0.1' },
      ]),
    ).toBe(NAME_CONSTRAINED);
    expect(
      await seen([
        { type: 'url', value: names.spiffeId },
        { type: 'ip', value: '::1' },
      ]),
    ).toBe(NAME_CONSTRAINED);
  });
});

async function materialOf(ca: MeshCa): Promise<MeshMaterial> {
  const certificate = await ControlCertificate.start({
    signer: ca,
    federation: 'test',
    lifeMs: DAY,
    now,
    onFailure: (error) => {
      throw error;
    },
  });
  certificate.stop();
  return certificate;
}

describe('names are read from ASN.1', () => {
  const withNames = async (...extra: { type: 'url' | 'dns'; value: string }[]): Promise<X509Certificate> => {
    const keys = await makeKeys();
    return X509CertificateGenerator.createSelfSigned({
      name: 'CN=x',
      keys,
      signingAlgorithm: ES256,
      extensions: [new SubjectAlternativeNameExtension(extra)],
    });
  };
  test('exactly one URI, and a DNS name that prints like one is none', async () => {
    const uri = { type: 'url', value: names.spiffeId } as const;
    expect(spiffeIdOf(await withNames(uri))).toBe(names.spiffeId);
    expect(spiffeIdOf(await withNames(uri, { type: 'url', value: 'spiffe://test/gateway/b' }))).toBeUndefined();
    expect(spiffeIdOf(await withNames({ type: 'dns', value: `x, URI:${names.spiffeId}` }))).toBeUndefined();
    expect(spiffeIdOf(root.certificate)).toBeUndefined();
  });
});

describe('a chain verified by hand is refused', () => {
  const at = new Date(start);
  const chainOf = async (issuer: Authority, more: Partial<Leaf> = {}) => ({
    leaf: await makeLeaf(issuer, await leafFor(more), start),
    others: [issuer.certificate],
    roots: [root.certificate],
  });
  test('when its root has our name and another key, when it has no intermediate, when a leaf plays one, and outside its time', async () => {
    const issuer = await makeIssuer(root, { federation: 'test' }, start);
    const good = await chainOf(issuer);
    expect(await verifyChain(good, at)).toBe(true);
    const evil = await makeIssuer(await makeRoot('test mesh root', start, 1), { federation: 'test' }, start);
    expect(await verifyChain(await chainOf(evil), at)).toBe(false);
    expect(await verifyChain({ ...good, others: [] }, at)).toBe(false);
    expect(await verifyChain({ ...good, others: [evil.certificate] }, at)).toBe(false);
    expect(await verifyChain({ ...good, leaf: issuer.certificate }, at)).toBe(false);
    expect(await verifyChain(good, new Date(start + 2 * DAY))).toBe(false);
    expect(await verifyChain(good, new Date(start - DAY))).toBe(false);
    const keys = await makeKeys();
    const leafAsIssuer = {
      certificate: await makeLeaf(issuer, await leafFor({ publicKey: await PublicKey.create(keys.publicKey) }), start),
      key: keys.privateKey,
    };
    const below = await makeLeaf(leafAsIssuer, await leafFor(), start);
    expect(
      await verifyChain(
        { leaf: below, others: [leafAsIssuer.certificate, issuer.certificate], roots: [root.certificate] },
        at,
      ),
    ).toBe(false);
  });
});

describe("the control plane's certificate", () => {
  const begin = async (lifeMs = DAY) => {
    const failures: unknown[] = [];
    const ca = await openCa();
    const certificate = await ControlCertificate.start({
      signer: ca,
      federation: 'test',
      lifeMs,
      now,
      onFailure: (error) => failures.push(error),
    });
    let changes = 0;
    certificate.onChange(() => {
      changes += 1;
    });
    return { certificate, failures, changes: () => changes };
  };
  const serialOf = (certificate: ControlCertificate): string =>
    new X509Certificate(certificate.current().certChain).serialNumber;

  test('is the one of `control`, renewed at two thirds, and listeners are told', async () => {
    const { certificate, changes } = await begin();
    const leaf = new X509Certificate(certificate.current().certChain);
    expect(spiffeIdOf(leaf)).toBe('spiffe://test/control');
    const first = serialOf(certificate);
    clock = start + 15 * HOUR;
    await certificate.tick();
    expect([serialOf(certificate), changes()]).toEqual([first, 0]);
    clock = start + 16 * HOUR;
    await certificate.tick();
    expect([serialOf(certificate) === first, changes()]).toEqual([false, 1]);
    certificate.stop();
  });

  test('heals after a sleep of 25 h and of 70 days, and after a clock that was set back', async () => {
    const { certificate, failures } = await begin();
    for (const at of [start + 25 * HOUR, start + 70 * DAY, start - 2 * DAY]) {
      const before = serialOf(certificate);
      clock = at;
      await certificate.tick();
      const leaf = new X509Certificate(certificate.current().certChain);
      expect(leaf.serialNumber).not.toBe(before);
      expect(leaf.notAfter.getTime()).toBeGreaterThan(at);
      expect(leaf.notBefore.getTime()).toBeLessThanOrEqual(at);
    }
    expect(failures).toEqual([]);
    certificate.stop();
  });
});

test('isOld: at a third of what was given', async () => {
  const { certificate } = await makeIssuer(root, { federation: 'test' }, start);
  const whole = certificate.notAfter.getTime() - certificate.notBefore.getTime();
  expect(isOld(certificate, certificate.notAfter.getTime() - whole / 3 - 1_000)).toBe(false);
  expect(isOld(certificate, certificate.notAfter.getTime() - whole / 3 + 1_000)).toBe(true);
});
