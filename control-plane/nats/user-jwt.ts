/** JWTs of NATS users. A gateway's is signed by the scoped signer and ends with its certificate; ours never leave this process. */
import { createUser, encodeUser, fromPublic } from '@nats-io/jwt';
import type { NatsKeys } from './keys.ts';

/** A user that exists in memory only. */
export interface NatsUser {
  readonly jwt: string;
  readonly seed: Uint8Array;
}

/** `nkey`: public key that the gateway made; `expiresAt`: ms since epoch. The name is the whole permission. */
export function gatewayUserJwt(keys: NatsKeys, gateway: string, nkey: string, expiresAt: number): Promise<string> {
  return encodeUser(
    gateway,
    fromPublic(nkey),
    keys.gatewaySigner,
    { issuer_account: keys.account.getPublicKey() },
    { scopedUser: true, exp: Math.floor(expiresAt / 1_000) },
  );
}

/** The control plane in the mesh's account. No expiry: who could steal it from this process holds the signing key as well. */
export async function controlUser(keys: NatsKeys): Promise<NatsUser> {
  const user = createUser();
  const jwt = await encodeUser('control', user, keys.controlSigner, { issuer_account: keys.account.getPublicKey() });
  return { jwt, seed: user.getSeed() };
}

/** The control plane in the system account, where account JWTs are replaced; for one short connection. */
export async function systemUser(keys: NatsKeys): Promise<NatsUser> {
  const user = createUser();
  const jwt = await encodeUser('control-system', user, keys.system, {}, { exp: Math.floor(Date.now() / 1_000) + 300 });
  return { jwt, seed: user.getSeed() };
}
