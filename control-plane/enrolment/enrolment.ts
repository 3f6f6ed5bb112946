/**
 * How a gateway gets its identity: once by a one-time secret, then by the certificate it has. The answer holds everything that it needs to start:
 * chain, roots, a NATS JWT of its name, the keys that sign snapshots, and its first snapshot with its session keys sealed to this replica.
 * Invariant: whatever the request names, the certificate and the JWT name the gateway that the secret or the present certificate belongs to.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type api, gatewaySpiffeId, meshName } from '@portolan/core';
import { calculateJwkThumbprint } from 'jose';
import type { Transaction } from 'kysely';
import type { Database } from '../db/index.ts';
import type { SnapshotSigner } from '../keys/snapshot-key.ts';
import { publicKeyOfCsr } from '../mesh-ca/csr.ts';
import type { SignedLeaf, Signer } from '../mesh-ca/signer.ts';
import type { PublicKey } from '../mesh-ca/x509.ts';
import type { NatsKeys } from '../nats/keys.ts';
import { gatewayUserJwt } from '../nats/user-jwt.ts';
import type { Enrolling, MeshCaller, Snapshots } from '../ports.ts';
import { problem } from '../problem.ts';
import { type Identification, identify, identifyForRenewal } from './identify.ts';
import { registerReplica } from './replica.ts';
import { issueSecret, keysName, spendSecret } from './secret.ts';

/** How long an answer waits for the publisher to have taken the new replica in. */
const PATIENCE_MS = 10_000;
const POLL_MS = 20;

export interface EnrolmentParts extends Omit<Identification, 'roots'> {
  readonly signer: Signer;
  readonly natsKeys: NatsKeys;
  readonly snapshotSigner: SnapshotSigner;
  readonly snapshots: Snapshots;
  readonly certificateLifeMs: number;
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

  async enroll({ token, csr, ...keys }: api.EnrollBody): Promise<api.Identity> {
    const publicKey = await publicKeyOfCsr(csr);
    const usedBy = await keysName(publicKey, keys);
    const granted = await this.#parts.db.transaction().execute(async (trx) => {
      const gateway = await spendSecret(trx, { token, usedBy, now: this.#parts.now() });
      if ((await this.#parts.snapshots.newer(gateway, 0)) === undefined) throw notReady(); // the secret stays good
      return this.#grant(trx, gateway, publicKey, keys);
    });
    return this.#identity(granted, keys.nkey); // where this fails, the same gateway asks again with the same secret
  }

  async renew(caller: MeshCaller, { csr, ...keys }: api.RenewBody): Promise<api.Identity> {
    const gateway = await identifyForRenewal(this.#parts, caller);
    const publicKey = await publicKeyOfCsr(csr);
    const granted = await this.#parts.db.transaction().execute((trx) => this.#grant(trx, gateway, publicKey, keys));
    return this.#identity(granted, keys.nkey);
  }

  identify(caller: MeshCaller): Promise<string> {
    return identify(this.#parts, caller);
  }

  async #grant(
    trx: Transaction<Database>,
    gateway: string,
    publicKey: PublicKey,
    keys: Pick<api.RenewBody, 'nkey' | 'sealKey'>,
  ): Promise<Granted> {
    const notBefore = await activeSince(trx, gateway);
    const { federation, signer, certificateLifeMs: lifeMs, now } = this.#parts;
    const names = { spiffeId: gatewaySpiffeId(federation, gateway), dnsName: meshName(gateway, federation) };
    const leaf = await signer.sign({ publicKey, ...names, lifeMs, notBefore });
    const registration = { gateway, ...keys, certificate: leaf.certificate, now: now() };
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

/** Not valid before the gateway's present life: peers refuse what was issued to its former one. ms since epoch, whole seconds. */
async function activeSince(trx: Transaction<Database>, gateway: string): Promise<number> {
  const row = await trx
    .selectFrom('gateways')
    .select('min_issued_at')
    .where('name', '=', gateway)
    .where('status', '=', 'active')
    .forShare()
    .executeTakeFirst();
  if (!row) throw problem('enrolment_refused', 'This gateway is not active in the registry.');
  return Math.ceil(row.min_issued_at.getTime() / 1_000) * 1_000;
}
