/**
 * Enrolment by a projected service-account token. The token alone says which gateway its pod is: the one registered with its issuer, namespace,
 * service account and audience. What it claims is read unverified for no more than to find that gateway, then verified whole.
 * Whoever is refused hears one answer; why is for the log, and for him only where the signature holds and the reason helps none but an operator.
 */
import { WorkloadIdentity } from '@portolan/core';
import { decodeJwt, type JWTPayload } from 'jose';
import type { Kysely } from 'kysely';
import type { Database } from '../db/index.ts';
import { type Problem, problem } from '../problem.ts';
import { gatewaysOf } from '../registry/index.ts';
import { KeysAway, type VerifyWorkload, WorkloadRefused } from '../workload-identity/index.ts';
import type { PodClaim } from './claim.ts';

/** What the log may hold of a token: names, as it claims them. */
export interface TokenRefusal {
  readonly reason: string;
  readonly issuer?: string | undefined;
  readonly subject?: string | undefined;
  readonly gateway?: string | undefined;
}

export interface Admission {
  readonly db: Kysely<Database>;
  readonly verifyWorkload: VerifyWorkload;
  readonly onTokenRefused: (refusal: TokenRefusal) => void;
}

export interface Admitted {
  readonly gateway: string;
  readonly pod: PodClaim;
}

/** What a token must show to be of this identity, as one text. Other keys of the same issuer are the same identity. */
export const workloadName = ({ issuer, namespace, serviceAccount, audience }: WorkloadIdentity): string =>
  JSON.stringify([issuer, namespace, serviceAccount, audience]);

/** Throws Problem `enrolment_refused`, or `not_ready` while the issuer's keys cannot be fetched. */
export async function admit(parts: Admission, token: string): Promise<Admitted> {
  const claims = claimsOf(token);
  const { iss: issuer, sub: subject } = claims;
  const refuse = (
    reason: string,
    more: { readonly told?: string | undefined; readonly gateway?: string } = {},
  ): Problem => {
    const cut = (text: unknown): string | undefined => (typeof text === 'string' ? text.slice(0, 256) : undefined);
    parts.onTokenRefused({ reason, issuer: cut(issuer), subject: cut(subject), gateway: more.gateway });
    return refused(more.told);
  };
  const gateway = await gatewayOf(parts.db, claims);
  if (!gateway) throw refuse('no gateway is registered with its issuer, namespace and service account');
  const { name, identity } = gateway;
  try {
    const { pod } = await parts.verifyWorkload(token, identity);
    return { gateway: name, pod: { uid: pod.uid, workload: workloadName(identity) } };
  } catch (error) {
    if (error instanceof WorkloadRefused) throw refuse(error.message, { told: error.told, gateway: name });
    if (error instanceof KeysAway)
      throw problem('not_ready', "The keys of the token's issuer cannot be had at the moment: try again.", {
        cause: error,
      });
    throw error;
  }
}

function claimsOf(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    return {};
  }
}

const SUBJECT = /^system:serviceaccount:([^:]+):([^:]+)$/;
const Names = WorkloadIdentity.pick({ issuer: true, namespace: true, serviceAccount: true });

/** The one of its audience; else the first, so that the token can be told that its audience is another. */
async function gatewayOf(db: Kysely<Database>, { iss: issuer, sub, aud }: JWTPayload) {
  const [, namespace, serviceAccount] = SUBJECT.exec(String(sub)) ?? [];
  const names = Names.safeParse({ issuer, namespace, serviceAccount }).data;
  const all = names ? await gatewaysOf(db, names) : [];
  const audiences = [aud].flat();
  return all.find(({ identity }) => audiences.includes(identity.audience)) ?? all[0];
}

const refused = (told = 'is not accepted'): Problem =>
  problem(
    'enrolment_refused',
    `The service-account token ${told}. Compare the pod's projected token with the workloadIdentity of its gateway; the control plane's log says more.`,
    { path: 'serviceAccountToken' },
  );
