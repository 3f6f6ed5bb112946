/**
 * Legacy session ids as clients see them: the upstream's id, bound to server and principal, sealed with a key of this gateway
 * (AES-256-GCM, NIST SP 800-38D). Any replica opens them, no store is asked, no restart loses one.
 * Invariant: only what was sealed for this gateway and is still whole opens; everything else is undefined, without a reason why.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SessionBinding, SessionSealer } from '../../ports.ts';
import type { SealingKey } from './sealing-keys.ts';

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Session ids stay under 1 KB, which clients and proxies carry in a header. */
const MAX_TEXT = 1024;

/** Where the keys come from; the newest seals, each that is known opens. */
export interface KeysForSealing {
  newest(): SealingKey | undefined;
  byId(kid: string): SealingKey | undefined;
}

/** Form: base64url of `version(1) kidLength(1) kid nonce(12) ciphertext tag(16)`; all before the ciphertext is authenticated too. */
export function sessionSealer(keys: KeysForSealing): SessionSealer {
  return {
    seal: (binding) => {
      const key = keys.newest();
      return key && seal(key, binding);
    },
    open: (sealed) => (sealed.length > MAX_TEXT ? undefined : open(keys, sealed)),
  };
}

function seal(key: SealingKey, { server, principal, upstreamId }: SessionBinding): string | undefined {
  const kid = Buffer.from(key.kid);
  if (kid.length > 255) return undefined;
  const nonce = randomBytes(NONCE_BYTES);
  const opening = Buffer.concat([Buffer.from([VERSION, kid.length]), kid, nonce]);
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce, { authTagLength: TAG_BYTES }).setAAD(opening);
  const sealed = cipher.update(JSON.stringify([server, principal, upstreamId]), 'utf8');
  const text = Buffer.concat([opening, sealed, cipher.final(), cipher.getAuthTag()]).toString('base64url');
  return text.length > MAX_TEXT ? undefined : text;
}

function open(keys: KeysForSealing, text: string): SessionBinding | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // one spelling a session: the decoder forgives foreign characters and odd padding, we do not
  if (bytes[0] !== VERSION || bytes.toString('base64url') !== text) return undefined;
  const nonceAt = 2 + (bytes[1] ?? 0);
  const sealedAt = nonceAt + NONCE_BYTES;
  const tagAt = bytes.length - TAG_BYTES;
  const key = keys.byId(bytes.toString('utf8', 2, nonceAt));
  if (!key || tagAt <= sealedAt) return undefined;
  const nonce = bytes.subarray(nonceAt, sealedAt);
  const decipher = createDecipheriv('aes-256-gcm', key.secret, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(bytes.subarray(0, sealedAt)).setAuthTag(bytes.subarray(tagAt));
  try {
    const plain = Buffer.concat([decipher.update(bytes.subarray(sealedAt, tagAt)), decipher.final()]);
    const [server, principal, upstreamId] = JSON.parse(plain.toString()) as [string, string, string];
    return { server, principal, upstreamId };
  } catch {
    return undefined; // the tag does not hold
  }
}
