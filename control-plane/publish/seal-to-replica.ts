/** What one replica alone may open: a JWE (RFC 7516) to the key that it made for this and enrolled with. */
import { CompactEncrypt, importJWK, type JWK } from 'jose';

const ALGORITHM = 'ECDH-ES+A256KW';

export interface ReplicaRow {
  readonly gateway: string;
  readonly replica: string;
  readonly jwk: JWK;
}

/** Differs each time it is made. */
export async function sealToReplica(plain: Uint8Array, { replica, jwk }: ReplicaRow): Promise<string> {
  return new CompactEncrypt(plain)
    .setProtectedHeader({ alg: ALGORITHM, enc: 'A256GCM', kid: replica })
    .encrypt(await importJWK(jwk, ALGORITHM));
}
