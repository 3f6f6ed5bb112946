/**
 * Whose row a replica is. A pod has one: where it comes again with other keys they replace those of before, so that pods which come and go with new
 * keys each time leave nothing in a snapshot; what it may not have is the row of another pod, unless it holds that pod's three keys (a volume moved on).
 * Callers hold the lock on the gateway's row, so nothing here can be overtaken.
 */
import { sql, type Transaction } from 'kysely';
import type { Database } from '../db/index.ts';
import { problem } from '../problem.ts';

/** A pod that proved itself by a token, now or at its enrolment. */
export interface PodClaim {
  readonly uid: string;
  /** `workloadName` of the identity that it proved. */
  readonly workload: string;
}

export interface ReplicaClaim {
  readonly gateway: string;
  /** `replicaName` */
  readonly replica: string;
  /** `keysName` */
  readonly keys: string;
  /** Undefined: enrolled by a one-time secret. */
  readonly pod: PodClaim | undefined;
}

/** A pod asks again when an answer was lost; more often than this it does not need to. */
const PAUSE_MS = 5_000;
/** Of one pod, in the life of a certificate: as long as that must we know the NATS keys that it had. */
const MAX_KEYS = 8;
/** Replicas of one gateway that enrolled by tokens; where more come, the pods not heard from for longest are most likely gone. */
const MAX_PODS = 256;

const allRows = (trx: Transaction<Database>, gateway: string) =>
  trx.selectFrom('gateway_replicas').selectAll().where('gateway', '=', gateway).where('revoked_at', 'is', null);

const rows = (trx: Transaction<Database>, gateway: string) => allRows(trx, gateway).where('left_at', 'is', null);

/** Throws Problem `too_many_requests` for a pod that was given an identity just now. `now`: ms since epoch. */
export async function pacePod(trx: Transaction<Database>, gateway: string, uid: string, now: number): Promise<void> {
  const own = await rows(trx, gateway).where('pod_uid', '=', uid).executeTakeFirst();
  const since = own ? now - (own.renewed_at ?? own.enrolled_at).getTime() : Number.POSITIVE_INFINITY;
  if (since >= 0 && since < PAUSE_MS)
    throw problem('too_many_requests', 'This pod was given an identity a moment ago: try again in 5 seconds.');
}

/** Makes room for the row that will be written. True where other keys of this pod were replaced. */
export async function claimReplica(trx: Transaction<Database>, claim: ReplicaClaim): Promise<boolean> {
  const { gateway, replica, keys, pod } = claim;
  const there = await allRows(trx, gateway).where('replica', '=', replica).executeTakeFirst();
  if (there && there.pod_uid !== (pod?.uid ?? null) && there.keys !== keys)
    throw problem(
      'enrolment_refused',
      'These keys are those of another replica. Delete the data folder of this one: it then makes keys of its own.',
      { path: 'sealKey' },
    );
  if (!pod) return false;
  const replaced = await leaveOthers(trx, claim, pod.uid);
  const joins = !there || there.left_at !== null;
  if (joins && !replaced) await makeRoom(trx, gateway);
  return replaced;
}

/** Of the pod's own rows none but that of these keys stays a replica. True where there was another. */
async function leaveOthers(
  trx: Transaction<Database>,
  { gateway, replica }: ReplicaClaim,
  pod: string,
): Promise<boolean> {
  const had = await allRows(trx, gateway).where('pod_uid', '=', pod).where('replica', '!=', replica).execute();
  if (had.length >= MAX_KEYS)
    throw problem(
      'too_many_requests',
      `This pod has had ${MAX_KEYS} sets of keys already while their certificates last.`,
    );
  const { numUpdatedRows } = await trx
    .updateTable('gateway_replicas')
    .set({ left_at: sql`now()` })
    .where('gateway', '=', gateway)
    .where('pod_uid', '=', pod)
    .where('replica', '!=', replica)
    .where('left_at', 'is', null)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** One that is alive after all enrols again: its renewal will be refused. */
async function makeRoom(trx: Transaction<Database>, gateway: string): Promise<void> {
  await sql`UPDATE gateway_replicas SET left_at = now() WHERE gateway = ${gateway} AND replica IN (
    SELECT replica FROM gateway_replicas
    WHERE gateway = ${gateway} AND pod_uid IS NOT NULL AND revoked_at IS NULL AND left_at IS NULL
    ORDER BY greatest(reported_at, renewed_at, enrolled_at) DESC OFFSET ${MAX_PODS - 1})`.execute(trx);
}

export interface RenewalClaim extends Omit<ReplicaClaim, 'pod'> {
  /** Of the certificate that asks; hex. */
  readonly serial: string;
  /** `workloadName` of the gateway as it is registered now. */
  readonly workload: string | undefined;
}

/**
 * The pod of the replica that renews: found by its certificate or, where the answer to its last renewal was lost, by its keys.
 * Throws Problem `certificate_refused` where it must prove itself by its token again.
 */
export async function podThatRenews(trx: Transaction<Database>, claim: RenewalClaim): Promise<PodClaim | undefined> {
  const { gateway, replica, keys, serial, workload } = claim;
  const found = await rows(trx, gateway)
    .where((eb) => eb.or([eb('certificate_serial', '=', serial), eb.and({ replica, keys })]))
    .executeTakeFirst();
  // a gateway of one-time secrets alone may have outlived its row: the database was restored from a backup
  if (found ? found.workload !== null && found.workload !== workload : workload !== undefined)
    throw problem(
      'certificate_refused',
      'This replica is not registered any more: it must enrol again by its service-account token.',
    );
  return found?.pod_uid && found.workload ? { uid: found.pod_uid, workload: found.workload } : undefined;
}
