/**
 * From the bytes of a snapshot to a snapshot that may be applied: signature, type, schema, audience. Knows nothing of where it came from.
 * Invariant: nothing is read from a document before its signature holds, and no key comes from the document itself (RFC 8725 §3.1, §3.10).
 */
import { createHash } from 'node:crypto';
import { Snapshot } from '@portolan/core';
import { compactVerify, errors, importJWK, type JWK } from 'jose';
import { z } from 'zod';

/** The document is not to be applied; the message says why, for the log. */
export class SnapshotRefused extends Error {
  override readonly name = 'SnapshotRefused';
}

/** Tables are checked later, in slices: thousands of rows at once would hold up every call. */
const Manifest = z.object({ ...Snapshot.shape, tables: z.unknown().optional() });
export type Manifest = Readonly<z.infer<typeof Manifest>>;

export interface Verified {
  readonly manifest: Manifest;
  /** SHA-256 (hex) of the payload with its tables inline: of a document in parts, as its signer states it. */
  readonly digest: string;
}

export interface Audience {
  readonly federation: string;
  readonly gateway: string;
  /** Tells a mesh from one made anew under the same names, whose revisions begin again. */
  readonly meshRootSha256: string;
}

/** Verifies a compact JWS with any of `keys` (JWKs, Ed25519). Throws `SnapshotRefused`. */
export async function verifySnapshot(jws: string, keys: readonly object[], self: Audience): Promise<Verified> {
  const payload = await verifySignature(jws, keys);
  const manifest = readManifest(payload);
  if (manifest.gateway !== self.gateway || manifest.federation !== self.federation)
    throw new SnapshotRefused(
      `it is for gateway ${manifest.gateway} of federation ${manifest.federation}, not for ${self.gateway} of ${self.federation}`,
    );
  return { manifest, digest: manifest.digest ?? createHash('sha256').update(payload).digest('hex') };
}

async function verifySignature(jws: string, keys: readonly object[]): Promise<Uint8Array> {
  for (const jwk of keys) {
    const payload = await tryKey(jws, jwk as JWK);
    if (payload) return payload;
  }
  throw new SnapshotRefused('no known key has signed it');
}

async function tryKey(jws: string, jwk: JWK): Promise<Uint8Array | undefined> {
  try {
    const { payload, protectedHeader } = await compactVerify(jws, await importJWK(jwk, 'EdDSA'), {
      algorithms: ['EdDSA'],
    });
    return protectedHeader.typ === 'portolan-snapshot+jwt' ? payload : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException)
      return undefined;
    throw error;
  }
}

function readManifest(payload: Uint8Array): Manifest {
  try {
    return Manifest.parse(JSON.parse(new TextDecoder().decode(payload)));
  } catch (cause) {
    throw new SnapshotRefused('it is signed, but has not the expected form', { cause });
  }
}
