/**
 * The two exchanges that end in an identity: enrolment by a one-time secret, renewal by the certificate in force.
 * The answer is checked here, whole, before anybody sees it; when to ask, and what follows a refusal, is keep-identity.ts's.
 */
import { api, gatewaySpiffeId } from '@portolan/core';
import type { MeshCredentials } from '../../ports.ts';
import { askInMesh, askPublicly, type ControlPlaneAddress, type ControlPlaneAnswer } from '../ask-control-plane.ts';
import { CertificateRefused, checkChain, fingerprint, readChain } from './certificate.ts';
import type { HeldIdentity } from './held-identity.ts';
import { type GatewayKeys, requestCertificate } from './keys.ts';

export interface Obtained {
  readonly identity: HeldIdentity;
  /** Compact JWS, unverified. */
  readonly snapshot: string;
}

/** The control plane said no, or gave what cannot be accepted: asking again unchanged will not help. The message is for the log. */
export class IdentityRefused extends Error {
  override readonly name = 'IdentityRefused';
}

export interface Asker {
  readonly controlPlane: ControlPlaneAddress;
  readonly keys: GatewayKeys;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Enrols with the one-time secret. Throws `IdentityRefused`, or the connection's error where trying again may help. */
export async function enrol(asker: Asker, enrolment: api.Enrolment): Promise<Obtained> {
  const body: api.EnrollBody = { ...(await claims(asker.keys)), token: enrolment.token };
  const ask = { method: 'POST', path: '/api/v1/enroll', body, signal: asker.signal } as const;
  const answer = readAnswer(await askPublicly(asker.controlPlane, ask));
  const { gateway, meshRootSha256 } = enrolment;
  if (answer.gateway !== gateway)
    throw new IdentityRefused(`the answer is for gateway ${answer.gateway}, the enrolment for ${gateway}`);
  const pinned = answer.caBundle.filter((pem) => readChain(pem).some((root) => fingerprint(root) === meshRootSha256));
  return accept(asker, answer, { roots: pinned, meshRootSha256 });
}

/** Renews over mutual TLS; the certificate in force may have expired, the control plane decides. Throws like `enrol`. */
export async function renew(asker: Asker, held: HeldIdentity, self: MeshCredentials): Promise<Obtained> {
  const body: api.RenewBody = await claims(asker.keys);
  const ask = { method: 'POST', path: '/api/v1/renew', body, signal: asker.signal } as const;
  const answer = readAnswer(await askInMesh(asker.controlPlane, self, ask));
  if (answer.gateway !== held.gateway || answer.federation !== held.federation)
    throw new IdentityRefused(`the answer is for gateway ${answer.gateway} of federation ${answer.federation}`);
  return accept(asker, answer, { roots: answer.caBundle, meshRootSha256: held.meshRootSha256 });
}

const claims = async (keys: GatewayKeys): Promise<api.RenewBody> => ({
  csr: await requestCertificate(keys.meshKey),
  nkey: keys.nkey,
  sealKey: keys.sealJwk,
});

/** 408, 429 and 5xx may pass by themselves; every other status but 200 and 201 is a refusal. */
function readAnswer({ status, text }: ControlPlaneAnswer): api.Identity {
  if (status === 408 || status === 429 || status >= 500) throw new Error(`the control plane answered ${status}`);
  if (status !== 200 && status !== 201)
    throw new IdentityRefused(`the control plane answered ${status}: ${reason(text)}`);
  try {
    return api.Identity.parse(JSON.parse(text));
  } catch (cause) {
    throw new IdentityRefused('the answer of the control plane has not the expected form', { cause });
  }
}

function reason(text: string): string {
  try {
    return api.ApiError.parse(JSON.parse(text)).error.message;
  } catch {
    return 'no reason given'; // another server than ours may be answering there
  }
}

function accept(
  { keys, now }: Asker,
  answer: api.Identity,
  mesh: { readonly roots: readonly string[]; readonly meshRootSha256: string },
): Obtained {
  const { snapshot, ...identity } = answer;
  const expected = {
    roots: mesh.roots,
    spiffeId: gatewaySpiffeId(answer.federation, answer.gateway),
    key: keys.meshKey,
    now: now(),
  };
  try {
    const { notAfter } = checkChain(answer.certificateChain, expected);
    const held = { ...identity, meshRootSha256: mesh.meshRootSha256, obtainedAt: now(), notAfter };
    return { identity: held, snapshot };
  } catch (cause) {
    if (!(cause instanceof CertificateRefused)) throw cause;
    throw new IdentityRefused(`the certificate in the answer is not acceptable: ${cause.message}`, { cause });
  }
}
