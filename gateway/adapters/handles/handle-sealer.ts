/**
 * Handles as clients see them: what an upstream gave (a session, an event, a task, a request state), bound to server and principal, sealed with a key
 * of this gateway (AES-256-GCM, NIST SP 800-38D). Any replica opens them, no store is asked, no restart loses one.
 * Sessions have a form of their own, the first one, so that ids from before there were others still open. In the second form, the kind is bound too, and
 * the nonce is a keyed hash of all that is sealed (as in SIV, RFC 5297): one task has one name, on whichever answer or stream it comes.
 * Invariant: only what was sealed for this gateway as this kind and is still whole opens; everything else is undefined, without a reason why.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { HandleBinding, HandleKind, HandleSealer } from '../../ports.ts';
import type { SealingKey } from './sealing-keys.ts';

const SESSION_FORM = 1;
const HANDLE_FORM = 2;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What is carried in a header stays under 1 KB; a request state travels in bodies, and is as long as its server makes it. */
const MAX_TEXT: Readonly<Record<HandleKind, number>> = { session: 1024, event: 1024, task: 1024, state: 1_048_576 };

/** Where the keys come from; the newest seals, each that is known opens. */
export interface KeysForSealing {
  newest(): SealingKey | undefined;
  byId(kid: string): SealingKey | undefined;
}

/** Form: base64url of `form(1) kidLength(1) kid nonce(12) ciphertext tag(16)`; all before the ciphertext is authenticated too. */
export function handleSealer(keys: KeysForSealing): HandleSealer {
  const nonces = new Nonces();
  return {
    seal: (binding) => {
      const key = keys.newest();
      return key && seal(key, binding, nonces);
    },
    open: (kind, sealed) => (sealed.length > MAX_TEXT[kind] ? undefined : open(keys, kind, sealed)),
  };
}

/** Nonces that depend on what is sealed alone, under a key that nothing is encrypted with. */
class Nonces {
  readonly #keys = new WeakMap<SealingKey, Buffer>();

  of(key: SealingKey, plain: string): Buffer {
    let own = this.#keys.get(key);
    if (!own) {
      own = createHmac('sha256', key.secret).update('portolan handle nonce').digest();
      this.#keys.set(key, own);
    }
    return createHmac('sha256', own).update(plain).digest().subarray(0, NONCE_BYTES);
  }
}

function seal(key: SealingKey, binding: HandleBinding, nonces: Nonces): string | undefined {
  const { kind, server, principal, upstreamId } = binding;
  const kid = Buffer.from(key.kid);
  if (kid.length > 255) return undefined;
  const isSession = kind === 'session';
  const bound = [server, principal, upstreamId];
  const plain = JSON.stringify(isSession ? bound : [kind, ...bound]);
  const nonce = isSession ? randomBytes(NONCE_BYTES) : nonces.of(key, plain);
  const opening = Buffer.concat([Buffer.from([isSession ? SESSION_FORM : HANDLE_FORM, kid.length]), kid, nonce]);
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce, { authTagLength: TAG_BYTES }).setAAD(opening);
  const sealed = cipher.update(plain, 'utf8');
  const text = Buffer.concat([opening, sealed, cipher.final(), cipher.getAuthTag()]).toString('base64url');
  return text.length > MAX_TEXT[kind] ? undefined : text;
}

function open(keys: KeysForSealing, kind: HandleKind, text: string): HandleBinding | undefined {
  const bytes = Buffer.from(text, 'base64url');
  const form = kind === 'session' ? SESSION_FORM : HANDLE_FORM;
  // one spelling a handle: the decoder forgives foreign characters and odd padding, we do not
  if (bytes[0] !== form || bytes.toString('base64url') !== text) return undefined;
  const nonceAt = 2 + (bytes[1] ?? 0);
  const sealedAt = nonceAt + NONCE_BYTES;
  const tagAt = bytes.length - TAG_BYTES;
  const key = keys.byId(bytes.toString('utf8', 2, nonceAt));
  if (!key || tagAt <= sealedAt) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key.secret, bytes.subarray(nonceAt, sealedAt), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(bytes.subarray(0, sealedAt)).setAuthTag(bytes.subarray(tagAt));
  try {
    const plain = Buffer.concat([decipher.update(bytes.subarray(sealedAt, tagAt)), decipher.final()]);
    return bindingOf(kind, JSON.parse(plain.toString()));
  } catch {
    return undefined; // the tag does not hold
  }
}

function bindingOf(kind: HandleKind, sealed: readonly string[]): HandleBinding | undefined {
  const [server = '', principal = '', upstreamId = ''] = kind === 'session' ? sealed : sealed.slice(1);
  return kind === 'session' || sealed[0] === kind ? { kind, server, principal, upstreamId } : undefined;
}
