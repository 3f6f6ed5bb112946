/**
 * The three keys of a replica: mesh (P-256, TLS), nkey (Ed25519, NATS), sealing (P-256, what the control plane seals to us).
 * Made once, kept as files of mode 0600; a renewal certifies the same keys again. A key file that is there is never replaced, whatever it holds:
 * its certificate would be lost without a word.
 */
import 'reflect-metadata'; // @peculiar/x509 demands it before its own import
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { calculateJwkThumbprint } from 'jose';
import { readIfThere, replaceFile } from '../replace-file.ts';

export interface GatewayKeys {
  /** PKCS#8 PEM, and its file, which the NATS client reads at every dial. */
  readonly meshKey: string;
  readonly meshKeyFile: string;
  readonly nkeySeed: Uint8Array;
  /** `U…`, 56 characters. */
  readonly nkey: string;
  readonly sealKey: KeyObject;
  /** Public JWK of `sealKey`. */
  readonly sealJwk: { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string };
  /** Name of this replica: RFC 7638 thumbprint of `sealJwk`. */
  readonly replica: string;
}

/** Reads the keys in `folder`, makes those that are missing. Throws where a file is no such key, saying what to do. */
export async function keepKeys(folder: string): Promise<GatewayKeys> {
  const files = keyFiles(folder);
  const mesh = await keep(files.mesh, newP256, readP256);
  const seed = await keep(files.nkey, newSeed, readSeed);
  const seal = await keep(files.seal, newP256, readP256);
  const sealJwk = publicJwk(seal);
  return {
    meshKey: pem(mesh),
    meshKeyFile: files.mesh,
    nkeySeed: seed,
    nkey: fromSeed(seed).getPublicKey(),
    sealKey: seal,
    sealJwk,
    replica: await calculateJwkThumbprint(sealJwk),
  };
}

/** Writes those that are gone from `folder`: it may have been deleted under a gateway that runs. */
export async function restoreKeys(folder: string, { meshKey, nkeySeed, sealKey }: GatewayKeys): Promise<void> {
  const files = keyFiles(folder);
  await restore(files.mesh, meshKey);
  await restore(files.nkey, new TextDecoder().decode(nkeySeed));
  await restore(files.seal, pem(sealKey));
}

const keyFiles = (folder: string) => ({
  mesh: join(folder, 'mesh.key'),
  nkey: join(folder, 'nkey.seed'),
  seal: join(folder, 'seal.key'),
});

async function restore(path: string, text: string): Promise<void> {
  if ((await readIfThere(path)) === undefined) await replaceFile(path, text);
}

async function keep<T>(path: string, make: () => string, read: (text: string) => T): Promise<T> {
  const found = await readIfThere(path);
  const text = found ?? make();
  if (found === undefined) await replaceFile(path, text);
  try {
    return read(text);
  } catch (cause) {
    const advice = 'restore it from a backup, or delete the folder it lies in and enrol the gateway again';
    throw new Error(`${path}: holds no key of the expected form: ${advice}`, { cause });
  }
}

const newP256 = (): string => pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

function readP256(text: string): KeyObject {
  const key = createPrivateKey(text);
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new TypeError('expected a P-256 private key');
  return key;
}

const newSeed = (): string => new TextDecoder().decode(createUser().getSeed());

function readSeed(text: string): Uint8Array {
  const seed = new TextEncoder().encode(text.trim());
  if (!fromSeed(seed).getPublicKey().startsWith('U')) throw new TypeError('expected the seed of a user nkey');
  return seed;
}

function publicJwk(key: KeyObject): GatewayKeys['sealJwk'] {
  const { x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' });
  return { kty: 'EC', crv: 'P-256', x, y };
}

/** A certificate request (RFC 2986, PEM) for the mesh key. It names nobody: the control plane sets every name itself. */
export async function requestCertificate(meshKey: string): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const key = createPrivateKey(meshKey);
  const privateDer = key.export({ type: 'pkcs8', format: 'der' });
  const publicDer = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const { subtle } = webcrypto;
  const keys = {
    privateKey: await subtle.importKey('pkcs8', privateDer, algorithm, true, ['sign']),
    publicKey: await subtle.importKey('spki', publicDer, algorithm, true, ['verify']),
  };
  const request = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
  return request.toString('pem');
}
