/**
 * The Ed25519 key that signs snapshots (RFC 8037 OKP, JWS `EdDSA`). Gateways pin its public half at enrolment and learn of the next one from a snapshot.
 * Invariant: the same payload gives the same bytes (Ed25519 signatures are deterministic), so "what is on NATS" can be compared with "what is stored".
 */
import {
  CompactSign,
  calculateJwkThumbprint,
  compactVerify,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose';
import { readPrivately, writePrivately } from './private-files.ts';

const SNAPSHOT_TYP = 'portolan-snapshot+jwt';

export interface SnapshotSigner {
  /** Public keys that gateways may accept, as JWKs with `kid`. */
  readonly publicKeys: readonly JWK[];
  /** Payload bytes → compact JWS. */
  sign(payload: Uint8Array): Promise<string>;
  /** Payload of a JWS of our own; undefined for any other text. */
  verify(jws: string): Promise<Uint8Array | undefined>;
}

/** Makes the key and writes its file. */
export async function writeSnapshotKey(path: string): Promise<void> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  await writePrivately(path, JSON.stringify({ ...jwk, alg: 'EdDSA', kid: await calculateJwkThumbprint(jwk) }));
}

export async function readSnapshotKey(path: string): Promise<SnapshotSigner> {
  const jwk = JSON.parse(await readPrivately(path, 'Snapshot signing key')) as JWK;
  const { d: _secret, ...open } = jwk;
  const key = await importJWK(jwk, 'EdDSA');
  const publicKey = await importJWK(open, 'EdDSA');
  const header = { alg: 'EdDSA', typ: SNAPSHOT_TYP, ...(jwk.kid === undefined ? {} : { kid: jwk.kid }) };
  return {
    publicKeys: [{ ...open, use: 'sig' }],
    sign: (payload) => new CompactSign(payload).setProtectedHeader(header).sign(key),
    verify: (jws) =>
      compactVerify(jws, publicKey, { algorithms: ['EdDSA'] }).then(
        ({ payload }) => payload,
        () => undefined,
      ),
  };
}
