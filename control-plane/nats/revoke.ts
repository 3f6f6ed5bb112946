/**
 * Cuts users off NATS: the mesh's account JWT is signed anew with their nkeys and handed to the server, which closes their connections within about a
 * second (NATS docs, "JWT Revocation"). The server keeps it; one that was made anew knows of nobody and must be told again.
 */
import { dial, hangUp, type NatsAddress } from './dial.ts';
import { meshAccountJwt, type NatsKeys } from './keys.ts';
import { systemUser } from './user-jwt.ts';

const TIMEOUT_MS = 5_000;

/** User nkey → JWTs issued up to this second (since epoch) are refused. */
export type Revoked = Readonly<Record<string, number>>;

/** Over a short connection of its own, because account JWTs belong to the system account. Rejects when NATS does not take the list. */
export async function pushRevoked(address: NatsAddress, keys: NatsKeys, revoked: Revoked): Promise<void> {
  const nc = await dial(address, await systemUser(keys), 'control-system');
  try {
    const jwt = await meshAccountJwt(keys, revoked);
    const answer = await nc.request('$SYS.REQ.CLAIMS.UPDATE', jwt, { timeout: TIMEOUT_MS });
    const { error } = answer.json<{ error?: { description?: string } }>();
    if (error) throw new Error(`NATS refused the account: ${error.description ?? 'no reason given'}`);
  } finally {
    await hangUp(nc);
  }
}
