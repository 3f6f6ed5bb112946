/**
 * PAT, VAT and enrolment tokens: their text form, and what is derived from their secret.
 * A token is `ptl_<kind>_<id:10 base62>_<secret:43 base62><crc:6 base62>`; the CRC-32 covers all before it, so a typing error or a secret
 * scanner needs no look-up. Nothing here keeps a secret: the control plane stores digests, gateways see digests.
 */
import { createHmac, hash, randomInt, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** `pat` personal access token of a user, `vat` virtual account token, `enr` one-time enrolment secret of a gateway. */
export type TokenKind = 'pat' | 'vat' | 'enr';

export interface Token {
  readonly kind: TokenKind;
  /** 10 base62 characters; public, appears in audit rows and lists. */
  readonly id: string;
  /** 43 base62 characters, 256 bits. */
  readonly secret: string;
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const FORM = /^ptl_(pat|vat|enr)_([0-9A-Za-z]{10})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

const random62 = (length: number): string =>
  Array.from({ length }, () => BASE62.charAt(randomInt(BASE62.length))).join('');

function checksum(text: string): string {
  let rest = crc32(text);
  let out = '';
  for (let i = 0; i < 6; i += 1) {
    out = BASE62.charAt(rest % 62) + out;
    rest = Math.floor(rest / 62);
  }
  return out;
}

export const makeToken = (kind: TokenKind): Token => ({ kind, id: random62(10), secret: random62(43) });

export function tokenText(token: Token): string {
  const body = `ptl_${token.kind}_${token.id}_${token.secret}`;
  return body + checksum(body);
}

/** Reads a token's text; undefined when its form or its checksum is wrong. */
export function parseToken(text: string): Token | undefined {
  const match = FORM.exec(text);
  if (!match) return undefined;
  const [, kind, id, secret, crc] = match as unknown as [string, TokenKind, string, string, string];
  return checksum(text.slice(0, -6)) === crc ? { kind, id, secret } : undefined;
}

/** SHA-256 of the secret; full entropy, so no slow hash is needed. */
export const secretDigest = (secret: string): Buffer => hash('sha256', secret, 'buffer');

/** `k = HMAC-SHA256(secret, "portolan hop")`: what the control plane keeps, sealed, to make proofs for gateways added later. */
export const hopKey = (secret: string): Buffer => createHmac('sha256', secret).update('portolan hop').digest();

/** `p = HMAC-SHA256(k, <handling gateway>)`: what crosses a hop in place of the token; worthless at any other gateway. */
export const hopProof = (key: Buffer, handlingGateway: string): Buffer =>
  createHmac('sha256', key).update(handlingGateway).digest();

/** `sha256(p)`: what the handling gateway's snapshot holds to check a proof. */
export const proofDigest = (proof: Buffer): Buffer => hash('sha256', proof, 'buffer');

/** Constant-time comparison of two digests; false for unequal lengths. */
export const sameDigest = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);
