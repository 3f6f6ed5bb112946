/**
 * The row of a replica: who it is (thumbprint of its sealing key), its NATS key, its newest certificate and, where it enrolled by a token, its pod.
 * Written at enrolment and at each renewal. Told to the publisher only when a snapshot changes by it: a new replica, or one that had been away for
 * longer than it could come back.
 */
import { createHash } from 'node:crypto';
import type { api } from '@portolan/core';
import { calculateJwkThumbprint } from 'jose';
import type { Transaction } from 'kysely';
import { changed, type Database } from '../db/index.ts';
import type { PublicKey, X509Certificate } from '../mesh-ca/x509.ts';
import type { ReplicaClaim } from './claim.ts';

/** RFC 7638 thumbprint, SHA-256, base64url: the replica's name. */
export const replicaName = (sealKey: api.RenewBody['sealKey']): Promise<string> =>
  calculateJwkThumbprint(sealKey, 'sha256');

/** One name for the three keys of a gateway. The mesh key is among them because the request proves it; the other two anyone could repeat. */
export async function keysName(
  mesh: PublicKey,
  { nkey, sealKey }: Pick<api.RenewBody, 'nkey' | 'sealKey'>,
): Promise<string> {
  const parts = [Buffer.from(mesh.rawData).toString('base64'), nkey, await replicaName(sealKey)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

export interface Registration extends ReplicaClaim {
  readonly sealKey: api.RenewBody['sealKey'];
  readonly nkey: string;
  readonly certificate: X509Certificate;
  readonly now: number;
}

/** Answers the outbox row to wait for. */
export async function registerReplica(trx: Transaction<Database>, registration: Registration): Promise<number> {
  const { gateway, replica, keys, pod, sealKey, nkey, certificate, now } = registration;
  const present = {
    nkey,
    keys,
    pod_uid: pod?.uid ?? null,
    workload: pod?.workload ?? null,
    certificate_serial: certificate.serialNumber,
    certificate_not_after: certificate.notAfter,
    revoked_at: null,
    left_at: null,
  };
  await trx
    .insertInto('gateway_replicas')
    .values({
      gateway,
      replica,
      seal_jwk: JSON.stringify(sealKey),
      enrolled_at: new Date(now),
      renewed_at: null,
      reported_at: null,
      report: null,
      ...present,
    })
    .onConflict((conflict) =>
      conflict.columns(['gateway', 'replica']).doUpdateSet({ ...present, renewed_at: new Date(now) }),
    )
    .execute();
  await changed(trx, 'replica', gateway);
  const row = await trx
    .selectFrom('outbox')
    .select((eb) => eb.fn.max('id').as('id'))
    .where('kind', '=', 'replica')
    .where('name', '=', gateway)
    .executeTakeFirstOrThrow();
  return row.id;
}
