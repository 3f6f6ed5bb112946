/**
 * From a gateway's content to its signed document, and to the messages that carry it: one, or content-addressed parts once it outgrows one message.
 * Invariant: the same document always gives the same messages, so the stored one alone says what must be on NATS.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { SealedKey, WholeSnapshot } from '@portolan/core';
import type { SnapshotSigner } from '../keys/snapshot-key.ts';

/** Larger documents travel in parts; NATS' `max_payload` stays 1 MB. */
export const MESSAGE_LIMIT = 512 * 1024;
const PART_SIZE = 480 * 1024;

/** All that a document says but for its revision and time. */
export type Content = Omit<WholeSnapshot, 'revision' | 'issuedAt'>;

export interface Part {
  readonly sha256: string;
  readonly data: Uint8Array;
}
export interface Messages {
  /** The JWS that goes to `cfg.<gateway>.snapshot`. */
  readonly head: string;
  readonly parts: readonly Part[];
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** A document about to be signed. Its tables are turned into JSON once: they can be large, and are hashed, signed and packed. */
export interface Draft {
  readonly head: Omit<Content, 'tables'>;
  readonly tables: string;
}

export function draftOf({ tables, ...head }: Content): Draft {
  return { head, tables: JSON.stringify(tables) };
}

/** Equal for equal content. Of sealed keys only who can open them counts: their ciphertext differs each time it is made. */
export function contentHash({ head, tables }: Draft): string {
  const sealingKeys = head.sealingKeys.map(({ kid, createdAt, sealed }: SealedKey) => ({
    kid,
    createdAt,
    replicas: Object.keys(sealed).sort(),
  }));
  const certificate = head.certificate && {
    chain: head.certificate.chain,
    replicas: Object.keys(head.certificate.sealed).sort(),
  };
  return createHash('sha256')
    .update(JSON.stringify({ ...head, sealingKeys, certificate }))
    .update(tables)
    .digest('hex');
}

/** Tables stand last, so that they are found again without reading the whole. The text cannot occur before: in a string its quotes are escaped. */
const TABLES = ',"tables":';

/** The compact JWS with its tables inline. */
export function signDocument(
  signer: SnapshotSigner,
  { head, tables }: Draft,
  stamp: { readonly revision: number; readonly issuedAt: number },
): Promise<string> {
  return signer.sign(Buffer.from(`${JSON.stringify({ ...head, ...stamp }).slice(0, -1)}${TABLES}${tables}}`));
}

/** Payload bytes of a compact JWS of ours. */
export const payloadOf = (jws: string): Buffer => Buffer.from(jws.split('.')[1] ?? '', 'base64url');

/** SHA-256 (hex) of the payload with its tables inline: what a gateway reports once it has applied the document, in either form. */
export const digestOf = (inline: string): string => sha256(payloadOf(inline));

/** What must be on NATS for this document. */
export async function messagesOf(signer: SnapshotSigner, jws: string): Promise<Messages> {
  if (Buffer.byteLength(jws) <= MESSAGE_LIMIT) return { head: jws, parts: [] };
  const payload = payloadOf(jws);
  const at = payload.indexOf(TABLES);
  const packed = await promisify(gzip)(payload.subarray(at + TABLES.length, -1));
  const parts = Array.from({ length: Math.ceil(packed.length / PART_SIZE) }, (_, i) => {
    const data = packed.subarray(i * PART_SIZE, (i + 1) * PART_SIZE);
    return { sha256: sha256(data), data };
  });
  const list = parts.map(({ sha256: hash, data }) => ({ sha256: hash, size: data.length }));
  // packing is not the same on every machine and version: the digest must not depend on it
  const manifest = `${payload.subarray(0, at)},"parts":${JSON.stringify(list)},"digest":"${sha256(payload)}"}`;
  return { head: await signer.sign(Buffer.from(manifest)), parts };
}
