/**
 * How a gateway gets its identity: by a one-time secret or its pod's service-account token, then by the certificate it has. The answer holds everything
 * that it needs to start: chain, roots, a NATS JWT of its name, the keys that sign snapshots, and its first snapshot with its session keys sealed to this
 * replica. Invariant: whatever the request names, the certificate and the JWT name the gateway that the secret, the token or the present certificate
 * belongs to.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type api, gatewaySpiffeId, meshName } from '@portolan/core';
import { calculateJwkThumbprint } from 'jose';
import type { Transaction } from 'kysely';
import type { Database } from '../db/index.ts';
import type { SnapshotSigner } from '../keys/snapshot-key.ts';
import { publicKeyOfCsr } from '../mesh-ca/csr.ts';
import type { SignedLeaf, Signer } from '../mesh-ca/signer.ts';
import { type PublicKey, X509Certificate } from '../mesh-ca/x509.ts';
import type { NatsKeys } from '../nats/keys.ts';
import { gatewayUserJwt } from '../nats/user-jwt.ts';
import type { Enrolling, MeshCaller, Snapshots } from '../ports.ts';
import { problem } from '../problem.ts';
import { claimReplica, type PodClaim, pacePod, podThatRenews } from './claim.ts';
import { type Identification, identify, identifyForRenewal } from './identify.ts';
import { keysName, registerReplica, replicaName } from './replica.ts';
import { issueSecret, spendSecret } from './secret.ts';
import { type Admission, admit, workloadName } from './workload.ts';

/** How long an answer waits for the publisher to have taken the new replica in. */
const PATIENCE_MS = 10_000;
const POLL_MS = 20;

export interface EnrolmentParts extends Omit<Identification, 'roots'>, Omit<Admission, 'db'> {
  readonly signer: Signer;
  readonly natsKeys: NatsKeys;
  readonly snapshotSigner: SnapshotSigner;
  readonly snapshots: Snapshots;
  readonly certificateLifeMs: number;
  /** A pod has enrolled again with other keys than before. */
  readonly onKeysReplaced: (gateway: string, pod: string) => void;
}

/** What a request brings, read. */
interface Asked {
  readonly publicKey: PublicKey;
  readonly nkey: string;
  readonly sealKey: api.RenewBody['sealKey'];
  readonly replica: string;
  /** `keysName` */
  readonly keys: string;
}

/** Who is given an identity, and which. */
interface Granted {
  readonly gateway: string;
  readonly leaf: SignedLeaf;
  /** The outbox row of its registration. */
  readonly outboxId: number;
}

export class Enrolment implements Enrolling {
  readonly #parts: EnrolmentParts & Identification;

  constructor(parts: EnrolmentParts) {
    this.#parts = { ...parts, roots: parts.signer.roots };
  }

  async issue(gateway: string): Promise<api.Enrolment> {
    const { db, signer, snapshotSigner, now } = this.#parts;
    const keys = snapshotSigner.publicKeys.map((key) => calculateJwkThumbprint(key));
    const pins = { meshRootSha256: signer.rootSha256, snapshotKeyThumbprints: await Promise.all(keys) };
    return issueSecret(db, gateway, pins, now());
  }

  async enroll({ token, serviceAccountToken, ...body }: api.EnrollBody): Promise<api.Identity> {
    const asked = await read(body);
    const granted = await (serviceAccountToken === undefined
      ? this.#grantBySecret(token ?? '', asked)
      : this.#grantByToken(serviceAccountToken, asked));
    return this.#identity(granted, asked.nkey); // where this fails, the same gateway asks again with the same proof
  }

  #grantBySecret(token: string, asked: Asked): Promise<Granted> {
    return this.#parts.db.transaction().execute(async (trx) => {
      const gateway = await spendSecret(trx, { token, usedBy: asked.keys, now: this.#parts.now() });
      await this.#expectSnapshot(gateway); // the secret stays good
      return this.#grant(trx, await lockActive(trx, gateway), asked, undefined);
    });
  }

  async #grantByToken(token: string, asked: Asked): Promise<Granted> {
    const { gateway, pod } = await admit(this.#parts, token);
    return this.#parts.db.transaction().execute(async (trx) => {
      await this.#expectSnapshot(gateway);
      const active = await lockActive(trx, gateway);
      await pacePod(trx, gateway, pod.uid, this.#parts.now());
      return this.#grant(trx, active, asked, pod);
    });
  }

  async renew(caller: MeshCaller, body: api.RenewBody): Promise<api.Identity> {
    const gateway = await identifyForRenewal(this.#parts, caller);
    const asked = await read(body);
    const { serialNumber: serial } = new X509Certificate(new Uint8Array(caller.certificate.raw));
    const granted = await this.#parts.db.transaction().execute(async (trx) => {
      const active = await lockActive(trx, gateway);
      const { replica, keys } = asked;
      const pod = await podThatRenews(trx, { gateway, replica, keys, serial, workload: active.workload });
      return this.#grant(trx, active, asked, pod);
    });
    return this.#identity(granted, asked.nkey);
  }

  async #expectSnapshot(gateway: string): Promise<void> {
    if ((await this.#parts.snapshots.newer(gateway, 0)) === undefined) throw notReady();
  }

  identify(caller: MeshCaller): Promise<string> {
    return identify(this.#parts, caller);
  }

  async #grant(
    trx: Transaction<Database>,
    { gateway, notBefore }: Active,
    { publicKey, ...own }: Asked,
    pod: PodClaim | undefined,
  ): Promise<Granted> {
    const { federation, signer, certificateLifeMs: lifeMs, now, onKeysReplaced } = this.#parts;
    const replaced = await claimReplica(trx, { gateway, ...own, pod });
    if (pod && replaced) onKeysReplaced(gateway, pod.uid);
    const names = { spiffeId: gatewaySpiffeId(federation, gateway), dnsNames: [meshName(gateway, federation)] };
    const leaf = await signer.sign({ publicKey, ...names, lifeMs, notBefore });
    const registration = { gateway, ...own, pod, certificate: leaf.certificate, now: now() };
    return { gateway, leaf, outboxId: await registerReplica(trx, registration) };
  }

  async #identity({ gateway, leaf, outboxId }: Granted, nkey: string): Promise<api.Identity> {
    const { federation, signer, natsKeys, snapshotSigner, now } = this.#parts;
    // in the first second of a gateway's new life the certificate starts a moment from now, and the gateway would refuse it
    await wait(Math.max(0, leaf.certificate.notBefore.getTime() - now()));
    const natsJwt = await gatewayUserJwt(natsKeys, gateway, nkey, leaf.certificate.notAfter.getTime());
    return {
      federation,
      gateway,
      certificateChain: leaf.chain,
      caBundle: [...signer.roots],
      natsJwt,
      snapshotKeys: snapshotSigner.publicKeys.map((key) => ({ ...key })),
      snapshot: await this.#snapshot(gateway, outboxId),
    };
  }

  /** The first snapshot that knows this replica. Whichever instance renders it, the outbox row is gone when it is stored. */
  async #snapshot(gateway: string, outboxId: number): Promise<string> {
    const { db, snapshots } = this.#parts;
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < deadline) {
      const waiting = await db.selectFrom('outbox').select('id').where('id', '=', outboxId).executeTakeFirst();
      const snapshot = waiting ? undefined : await snapshots.newer(gateway, 0);
      if (snapshot !== undefined) return snapshot;
      await wait(POLL_MS);
    }
    throw notReady();
  }
}

const notReady = (): Error => problem('not_ready', 'No snapshot was made for this gateway yet: try again.');

async function read({ csr, nkey, sealKey }: api.RenewBody): Promise<Asked> {
  const publicKey = await publicKeyOfCsr(csr);
  const keys = await keysName(publicKey, { nkey, sealKey });
  return { publicKey, nkey, sealKey, replica: await replicaName(sealKey), keys };
}

interface Active {
  readonly gateway: string;
  /** Not valid before the gateway's present life: peers refuse what was issued to its former one. ms since epoch, whole seconds. */
  readonly notBefore: number;
  readonly workload: string | undefined;
}

/** Until the transaction ends, no other replica of this gateway enrols or renews. */
async function lockActive(trx: Transaction<Database>, gateway: string): Promise<Active> {
  const row = await trx
    .selectFrom('gateways')
    .select(['min_issued_at', 'workload_identity'])
    .where('name', '=', gateway)
    .where('status', '=', 'active')
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (!row) throw problem('enrolment_refused', 'This gateway is not active in the registry.');
  const notBefore = Math.ceil(row.min_issued_at.getTime() / 1_000) * 1_000;
  return { gateway, notBefore, workload: row.workload_identity ? workloadName(row.workload_identity) : undefined };
}
