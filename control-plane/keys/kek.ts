/**
 * The key-encryption key: seals what the database and files may hold but must not show (hop keys, session-sealing keys, keys of authorities).
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce; the additional data binds a value to its row, so that one copied to another row does not open.
 * This adapter keeps the key in a file of mode 0600; a cloud's KMS would implement the same interface.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readPrivateBytes, writePrivatelyOnce } from './private-files.ts';

export interface Kek {
  seal(plain: Uint8Array, aad: string): Promise<Buffer>;
  /** Throws when the key, the row or a byte is another than at `seal`. */
  open(sealed: Uint8Array, aad: string): Promise<Buffer>;
}

const FORM = 1;
const NONCE = 12;
const TAG = 16;
const ALGORITHM = 'aes-256-gcm';

/** Additional data of a token's sealed hop key. */
export const hopKeyAad = (tokenId: string): string => `hop-key|${tokenId}`;
/** Additional data of a gateway's session-sealing key. */
export const sealingKeyAad = (gateway: string, kid: string): string => `sealing-key|${gateway}|${kid}`;

/** Additional data of the key of a plane's public certificate. */
export const certificateKeyAad = (plane: string): string => `certificate|${plane}`;
/** Additional data of the key of an ACME account. */
export const acmeAccountAad = (directory: string): string => `acme-account|${directory}`;
/** Additional data of a file that `init` made, where the database keeps it. */
export const keyMaterialAad = (path: string): string => `key-material|${path}`;

/** A KEK over 32 bytes in memory: form (1 byte) ‖ nonce (12) ‖ ciphertext ‖ tag (16). */
export function kekOf(key: Buffer): Kek {
  if (key.length !== 32) throw new Error('KEK: expected a key of 32 bytes.');
  return {
    seal: async (plain, aad) => seal(key, plain, aad),
    open: async (sealed, aad) => unseal(key, Buffer.from(sealed), aad),
  };
}

function seal(key: Buffer, plain: Uint8Array, aad: string): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(aad));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.of(FORM), nonce, body, cipher.getAuthTag()]);
}

function unseal(key: Buffer, sealed: Buffer, aad: string): Buffer {
  if (sealed.length < 1 + NONCE + TAG || sealed[0] !== FORM)
    throw new Error(`KEK: "${aad}" is not a value sealed by us.`);
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(1, 1 + NONCE), { authTagLength: TAG })
    .setAAD(Buffer.from(aad))
    .setAuthTag(sealed.subarray(-TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(1 + NONCE, -TAG)), decipher.final()]);
  } catch (cause) {
    throw new Error(`KEK: "${aad}" does not open: it was sealed by another key or for another row, or is damaged.`, {
      cause,
    });
  }
}

/** Writes a new key where there is none; returns whether it did. Never overwrites: that would lose everything sealed so far. */
export const writeKekFile = (path: string): Promise<boolean> => writePrivatelyOnce(path, randomBytes(32));

/** Reads the key's file. Refuses one that others may read. */
export const readKekFile = async (path: string): Promise<Kek> => kekOf(await readPrivateBytes(path, 'KEK'));
