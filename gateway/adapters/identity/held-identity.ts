/**
 * The identity as it lies on disk: certificate chain, mesh roots, NATS JWT, the keys that sign snapshots. No private key is in it; they lie beside it.
 * Invariant: `identity.json` is the truth and replaced as a whole; `mesh.crt` is a copy of its chain for the NATS client.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayName, Name } from '@portolan/core';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import type { Log } from '../../ports.ts';
import { readIfThere, replaceFile } from '../replace-file.ts';
import { certifies, readChain } from './certificate.ts';
import { type GatewayKeys, restoreKeys } from './keys.ts';

const HeldIdentity = z.object({
  federation: Name,
  gateway: GatewayName,
  /** PEM, leaf first. */
  certificateChain: z.string(),
  /** Mesh roots in force, PEM. */
  caBundle: z.array(z.string()).min(1),
  natsJwt: z.string(),
  /** Name of the replica (`GatewayKeys`) that obtained it; one without says nothing of the sealing key. */
  replica: z.string().optional(),
  /** JWKs (Ed25519). */
  snapshotKeys: z.array(z.record(z.string(), z.unknown())).min(1),
  /** Fingerprint of the root with which this gateway enrolled: which mesh this identity is of. */
  meshRootSha256: z.string(),
  /** ms since epoch, by our clock; renewal is due at two thirds between it and `notAfter`. */
  obtainedAt: z.int(),
  /** End of the leaf, ms since epoch. */
  notAfter: z.int(),
});
export type HeldIdentity = Readonly<z.infer<typeof HeldIdentity>>;

/** Whom this gateway believes, and of which mesh. */
export type Trust = Pick<HeldIdentity, 'meshRootSha256' | 'caBundle' | 'snapshotKeys'>;

export const chainFile = (folder: string): string => join(folder, 'mesh.crt');
const identityFile = (folder: string): string => join(folder, 'identity.json');

/** Stores it together with its keys, without which it would be worth nothing. */
export async function storeIdentity(folder: string, identity: HeldIdentity, keys: GatewayKeys): Promise<void> {
  await restoreKeys(folder, keys);
  await replaceFile(chainFile(folder), identity.certificateChain);
  await replaceFile(identityFile(folder), JSON.stringify(identity));
}

/**
 * The stored identity, or undefined where there is none. One whose keys are gone, be it one of them, is worth nothing any more: it is removed, so that
 * whoever looks sees a gateway that must enrol. Throws where the file is corrupt, with what to do.
 */
export async function loadIdentity(folder: string, keys: GatewayKeys, log: Log): Promise<HeldIdentity | undefined> {
  const path = identityFile(folder);
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const identity = readIdentity(path, text);
  if (!fits(identity, keys)) {
    await rm(path);
    log.warn(
      { path, gateway: identity.gateway },
      'the stored identity is of other keys than ours: removed, enrol anew',
    );
    return undefined;
  }
  await replaceFile(chainFile(folder), identity.certificateChain);
  return identity;
}

/** An identity is of all three keys: with one of them replaced, no peer, no NATS or no sealed secret is open to it. */
const fits = ({ certificateChain, natsJwt, replica }: HeldIdentity, keys: GatewayKeys): boolean =>
  certifies(certificateChain, keys.meshKey) &&
  decodeJwt(natsJwt).sub === keys.nkey &&
  (replica === undefined || replica === keys.replica);

function readIdentity(path: string, text: string): HeldIdentity {
  try {
    const identity = HeldIdentity.parse(JSON.parse(text));
    readChain(identity.certificateChain);
    decodeJwt(identity.natsJwt);
    return identity;
  } catch (cause) {
    throw new Error(`${path}: is corrupt: delete it and enrol the gateway again`, { cause });
  }
}
