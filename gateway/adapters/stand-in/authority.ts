/**
 * Test only: a certificate authority with real X.509, for the mesh (root, intermediate, SPIFFE leaves) and for public names.
 * Keys are P-256; lives are given in ms, so that a test can watch a certificate end.
 */
import 'reflect-metadata';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  type PublicKeyType,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const YEAR = 365 * 86_400_000;
const SKEW = 300_000;

interface Signer {
  readonly certificate: X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
}
/** PEM. */
export interface Leaf {
  readonly key: string;
  readonly chain: string;
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}

async function sign(
  publicKey: PublicKeyType,
  issuer: Signer | undefined,
  own: { name: string; life: number; extensions: Extension[]; key?: webcrypto.CryptoKey },
) {
  const signingKey = issuer?.privateKey ?? own.key;
  if (!signingKey) throw new TypeError('a root needs its own key');
  return X509CertificateGenerator.create({
    serialNumber: `00${randomBytes(15).toString('hex')}`,
    subject: own.name,
    issuer: issuer?.certificate.subject ?? own.name,
    notBefore: new Date(Date.now() - SKEW),
    notAfter: new Date(Date.now() + own.life),
    publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: own.extensions,
  });
}

async function makeAuthority(name: string, issuer?: Signer): Promise<Signer> {
  const keys = await newKeys();
  const extensions = [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
  ];
  const certificate = await sign(keys.publicKey, issuer, {
    name: `CN=${name}`,
    life: YEAR,
    extensions,
    key: keys.privateKey,
  });
  return { certificate, privateKey: keys.privateKey };
}

const leafExtensions = (names: { type: 'dns' | 'ip' | 'url'; value: string }[]): Extension[] => [
  new BasicConstraintsExtension(false, undefined, true),
  new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
  new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']),
  new SubjectAlternativeNameExtension(names),
];

export class Authority {
  readonly #root: Signer;
  readonly #issuing: Signer;

  private constructor(root: Signer, issuing: Signer) {
    this.#root = root;
    this.#issuing = issuing;
  }

  static async make(name: string): Promise<Authority> {
    const root = await makeAuthority(`${name} root`);
    return new Authority(root, await makeAuthority(`${name} issuing`, root));
  }

  get rootPem(): string {
    return `${this.#root.certificate.toString('pem')}\n`;
  }

  get rootSha256(): string {
    return createHash('sha256').update(Buffer.from(this.#root.certificate.rawData)).digest('hex');
  }

  /** Chain for the key of a request; names in the request are ignored. */
  async certify(csr: string, spiffeId: string, life: number): Promise<string> {
    const request = new Pkcs10CertificateRequest(csr);
    if (!(await request.verify())) throw new TypeError('the request is not signed by its key');
    return this.#chain(request.publicKey, [{ type: 'url', value: spiffeId }], life);
  }

  async leaf(names: { type: 'dns' | 'ip' | 'url'; value: string }[], life = YEAR): Promise<Leaf> {
    const keys = await newKeys();
    return { key: await privatePem(keys.privateKey), chain: await this.#chain(keys.publicKey, names, life) };
  }

  async #chain(
    key: PublicKeyType,
    names: { type: 'dns' | 'ip' | 'url'; value: string }[],
    life: number,
  ): Promise<string> {
    const leaf = await sign(key, this.#issuing, { name: '', life, extensions: leafExtensions(names) });
    return `${leaf.toString('pem')}\n${this.#issuing.certificate.toString('pem')}\n`;
  }
}
