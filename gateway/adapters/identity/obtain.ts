/**
 * The three exchanges that end in an identity: enrolment by a one-time secret or by a pod's token, renewal by the certificate in force.
 * The answer is checked here, whole, before anybody sees it; when to ask, and what follows a refusal, is keep-identity.ts's.
 * Invariant: an answer widens no trust. At enrolment the other side has shown a public certificate alone, so only the root and the snapshot keys
 * that the enrolment file pins are kept of it; a renewal keeps those in force. Others come in by a snapshot that a trusted key has signed: that is
 * how roots and keys rotate, and why an authority that was stolen forges certificates, but no snapshot. A pod that is nobody yet has no pins: it
 * believes whoever holds the certificate of the control plane's public name, that one time.
 */
import type { X509Certificate } from 'node:crypto';
import { api, gatewaySpiffeId } from '@portolan/core';
import { calculateJwkThumbprint } from 'jose';
import type { MeshCredentials } from '../../ports.ts';
import { askInMesh, askPublicly, type ControlPlaneAddress, type ControlPlaneAnswer } from '../ask-control-plane.ts';
import { CertificateRefused, checkChain, fingerprint, readChain } from './certificate.ts';
import type { HeldIdentity, Trust } from './held-identity.ts';
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
  if (answer.gateway !== enrolment.gateway)
    throw new IdentityRefused(`the answer is for gateway ${answer.gateway}, the enrolment for ${enrolment.gateway}`);
  return accept(asker, answer, await pinned(answer, enrolment));
}

/**
 * Enrols with a pod's projected service-account token, be it again: then whom we trust stays as it is, unless the mesh is another one.
 * Throws like `enrol`.
 */
export async function enrolPod(asker: Asker, token: string, held: HeldIdentity | undefined): Promise<Obtained> {
  const body: api.EnrollBody = { ...(await claims(asker.keys)), serviceAccountToken: token };
  const ask = { method: 'POST', path: '/api/v1/enroll', body, signal: asker.signal } as const;
  const answer = readAnswer(await askPublicly(asker.controlPlane, ask));
  return acceptHeld(asker, answer, held) ?? accept(asker, answer, offered(answer));
}

/** Undefined where the answer is of another gateway or mesh than ours: no root that we trust has signed it. */
function acceptHeld(asker: Asker, answer: api.Identity, held: HeldIdentity | undefined): Obtained | undefined {
  if (held?.gateway !== answer.gateway || held.federation !== answer.federation) return undefined;
  try {
    return accept(asker, answer, held);
  } catch (error) {
    if (error instanceof IdentityRefused) return undefined;
    throw error;
  }
}

function offered({ caBundle, snapshotKeys }: api.Identity): Trust {
  const roots = caBundle.flatMap(readRoots);
  const [first] = roots;
  if (!first) throw new IdentityRefused('the answer has no mesh root');
  return { meshRootSha256: fingerprint(first), caBundle: roots.map((root) => root.toString()), snapshotKeys };
}

/** What the enrolment file names, of all that the answer offers. */
async function pinned(
  offered: api.Identity,
  { meshRootSha256, snapshotKeyThumbprints }: api.Enrolment,
): Promise<Trust> {
  const roots = offered.caBundle.flatMap(readRoots).filter((root) => fingerprint(root) === meshRootSha256);
  const names = await Promise.all(offered.snapshotKeys.map((key) => calculateJwkThumbprint(key).catch(() => '')));
  const snapshotKeys = offered.snapshotKeys.filter((_key, at) => snapshotKeyThumbprints.includes(names[at] ?? ''));
  if (roots.length === 0 || snapshotKeys.length === 0)
    throw new IdentityRefused('the answer has no mesh root, or no snapshot key, that the enrolment names');
  return { meshRootSha256, caBundle: roots.map((root) => root.toString()), snapshotKeys };
}

function readRoots(pem: string): readonly X509Certificate[] {
  try {
    return readChain(pem);
  } catch {
    return []; // what cannot be read is no pinned root
  }
}

/** Renews over mutual TLS; the certificate in force may have expired, the control plane decides. Throws like `enrol`. */
export async function renew(asker: Asker, held: HeldIdentity, self: MeshCredentials): Promise<Obtained> {
  const body: api.RenewBody = await claims(asker.keys);
  const ask = { method: 'POST', path: '/api/v1/renew', body, signal: asker.signal } as const;
  const answer = readAnswer(await askInMesh(asker.controlPlane, self, ask));
  if (answer.gateway !== held.gateway || answer.federation !== held.federation)
    throw new IdentityRefused(`the answer is for gateway ${answer.gateway} of federation ${answer.federation}`);
  return accept(asker, answer, held);
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

function accept({ keys, now }: Asker, answer: api.Identity, trust: Trust): Obtained {
  const { federation, gateway, certificateChain, natsJwt, snapshot } = answer;
  const { meshRootSha256, caBundle, snapshotKeys } = trust;
  const spiffeId = gatewaySpiffeId(federation, gateway);
  try {
    const { notAfter } = checkChain(certificateChain, { roots: caBundle, spiffeId, key: keys.meshKey, now: now() });
    const named = { federation, gateway, certificateChain, natsJwt, replica: keys.replica };
    const identity = { ...named, meshRootSha256, caBundle, snapshotKeys, obtainedAt: now(), notAfter };
    return { identity, snapshot };
  } catch (cause) {
    if (!(cause instanceof CertificateRefused)) throw cause;
    throw new IdentityRefused(`the certificate in the answer is not acceptable: ${cause.message}`, { cause });
  }
}
