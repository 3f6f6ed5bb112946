/**
 * Gives a NATS server what it must hold, against the service-account token of its pod. What it gets opens every stream's store and lets it speak for
 * the federation's operator to its clients, so nothing is answered before the token has verified.
 * Invariant: the certificate names the pod that the token names, below `/nats/`: whoever takes certificates for gateways takes none of these.
 */
import { type api, Name, natsSpiffeId, type WorkloadIdentity } from '@portolan/core';
import { publicKeyOfCsr } from '../mesh-ca/csr.ts';
import type { Signer } from '../mesh-ca/signer.ts';
import { problem } from '../problem.ts';
import { KeysAway, type VerifyWorkload, WorkloadRefused } from '../workload-identity/index.ts';
import { type NatsKeys, serverMaterial } from './keys.ts';
import type { Revoked } from './revoke.ts';

export interface NatsServersParts {
  /** Whose pods are NATS servers, and the host that their names are below; undefined: nobody's. */
  readonly pods: { readonly identity: WorkloadIdentity; readonly clusterHost: string } | undefined;
  /** The ordered pair of the public name, once there is one; undefined: it is not ordered. */
  readonly publicPair: (() => api.PublicPair | undefined) | undefined;
  readonly federation: string;
  readonly signer: Signer;
  readonly natsKeys: NatsKeys;
  readonly verifyWorkload: VerifyWorkload;
  /** Who is revoked now. */
  readonly revoked: () => Promise<Revoked>;
  readonly certificateLifeMs: number;
  /** Why, for the log. */
  readonly onTokenRefused: (reason: string) => void;
}

export class NatsServers {
  readonly #parts: NatsServersParts;

  constructor(parts: NatsServersParts) {
    this.#parts = parts;
  }

  /** Problem `not_found` where no pods are NATS servers, `enrolment_refused`, `invalid_body` (CSR), `not_ready` while the issuer's keys are away. */
  async enroll({ serviceAccountToken, csr }: api.NatsServerEnrollBody): Promise<api.NatsServerIdentity> {
    const { federation, signer, natsKeys, revoked, certificateLifeMs: lifeMs } = this.#parts;
    const pods = this.#expectPods();
    const server = await this.#podOf(serviceAccountToken, pods.identity);
    const names = {
      spiffeId: natsSpiffeId(federation, server),
      dnsNames: [`${server}.${pods.clusterHost}`, pods.clusterHost],
    };
    const leaf = await signer.sign({ publicKey: await publicKeyOfCsr(csr), ...names, lifeMs });
    const material = await serverMaterial(natsKeys, await revoked());
    return { federation, server, certificateChain: leaf.chain, caBundle: [...signer.roots], ...material };
  }

  /** Problem `not_found` where no pods are NATS servers or nothing is ordered, `enrolment_refused`, `not_ready` before the first certificate. */
  async certificate({ serviceAccountToken }: api.NatsServerCertificateBody): Promise<api.PublicPair> {
    const { identity } = this.#expectPods();
    await this.#podOf(serviceAccountToken, identity);
    const { publicPair } = this.#parts;
    if (publicPair === undefined)
      throw problem(
        'not_found',
        'The public certificate is not ordered: siteCertificate of the control plane has files.',
      );
    const pair = publicPair();
    if (pair === undefined) throw problem('not_ready', 'The public certificate is being ordered: try again.');
    return { cert: pair.cert, key: pair.key };
  }

  #expectPods() {
    const { pods } = this.#parts;
    if (pods) return pods;
    throw problem('not_found', 'No NATS server enrols here: nats.workloadIdentity of the control plane is not set.');
  }

  async #podOf(token: string, identity: WorkloadIdentity): Promise<Name> {
    const { verifyWorkload, onTokenRefused } = this.#parts;
    try {
      const { pod } = await verifyWorkload(token, identity);
      const name = Name.safeParse(pod.name);
      if (name.success) return name.data;
      throw new WorkloadRefused('the name of its pod is no DNS label', {
        told: 'is of a pod whose name is no DNS label',
      });
    } catch (error) {
      if (error instanceof KeysAway)
        throw problem('not_ready', "The keys of the token's issuer cannot be had at the moment: try again.", {
          cause: error,
        });
      if (!(error instanceof WorkloadRefused)) throw error;
      onTokenRefused(error.message);
      throw problem(
        'enrolment_refused',
        `The service-account token ${error.told ?? 'is not accepted'}. Compare the pod's projected token with nats.workloadIdentity of the control plane; its log says more.`,
        { path: 'serviceAccountToken' },
      );
    }
  }
}
