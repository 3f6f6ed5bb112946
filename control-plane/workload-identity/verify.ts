/**
 * Verifies a projected service-account token as kube-apiserver signs it (kubernetes.io "Managing Service Accounts", private claims): the issuer's
 * signature by a fixed list of algorithms, issuer, the one audience, times, and that it was made for one pod of one service account.
 * A token proves its pod until it expires: that the pod is gone meanwhile nobody tells us, so tokens that live longer than a day are refused.
 * Invariant: no error holds anything of the token but what names it here; why a token of somebody else is refused is for the log.
 */
import type { WorkloadIdentity } from '@portolan/core';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { IssuerKeys } from './issuer-keys.ts';

/** A pod that has proved who it is. */
export interface Workload {
  /** `system:serviceaccount:<namespace>:<service account>` */
  readonly subject: string;
  readonly pod: { readonly name: string; readonly uid: string };
  /** ms since epoch. */
  readonly expiresAt: number;
}

/** Throws `WorkloadRefused`, or `KeysAway` where the issuer's keys cannot be had now. */
export type VerifyWorkload = (token: string, identity: WorkloadIdentity) => Promise<Workload>;

/** `message` is for the log. */
export class WorkloadRefused extends Error {
  override readonly name = 'WorkloadRefused';
  /** What its sender may be told: set only where the signature holds, so that a forged token learns nothing. "has expired" */
  readonly told: string | undefined;

  constructor(message: string, more: { readonly told?: string; readonly cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.told = more.told;
  }
}

/** What kube-apiserver signs with, and what its external signers may; no `none`, nothing symmetric. */
const ALGORITHMS = ['RS256', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCK_TOLERANCE_S = 30;
const MAX_LIFE_S = 86_400;
const MAX_TOKEN_LENGTH = 16_384;

const Text = z.string().min(1).max(253);
const Claims = z.object({
  aud: z.union([z.string(), z.tuple([z.string()])]),
  iat: z.number(),
  exp: z.number(),
  'kubernetes.io': z.object({
    namespace: z.string(),
    serviceaccount: z.object({ name: z.string() }),
    pod: z.object({ name: Text, uid: Text }).optional(),
  }),
});

/** One for the whole process: it keeps the keys that it fetched. `now`: ms since epoch. */
export function workloadVerifier(now: () => number): VerifyWorkload {
  const keys = new IssuerKeys(now);
  return async (token, identity) => {
    const subject = subjectOf(identity);
    const payload = await verified(token, { identity, subject, keys, now: now() });
    const { exp, pod } = checkClaims(payload, identity);
    return { subject, pod, expiresAt: exp * 1_000 };
  };
}

export const subjectOf = ({
  namespace,
  serviceAccount,
}: Pick<WorkloadIdentity, 'namespace' | 'serviceAccount'>): string =>
  `system:serviceaccount:${namespace}:${serviceAccount}`;

interface Expected {
  readonly identity: WorkloadIdentity;
  readonly subject: string;
  readonly keys: IssuerKeys;
  readonly now: number;
}

async function verified(token: string, { identity, subject, keys, now }: Expected): Promise<JWTPayload> {
  if (token.length > MAX_TOKEN_LENGTH) throw new WorkloadRefused('the token is too long');
  const { issuer, audience, jwks } = identity;
  try {
    const { payload } = await jwtVerify(token, keys.of(jwks), {
      algorithms: ALGORITHMS,
      issuer,
      subject,
      audience,
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: new Date(now),
      requiredClaims: ['iat', 'exp', 'kubernetes.io'],
    });
    return payload;
  } catch (cause) {
    if (!(cause instanceof errors.JOSEError) && !(cause instanceof TypeError)) throw cause;
    throw refusal(cause);
  }
}

/** jose looks at claims only where the signature holds. */
function refusal(cause: errors.JOSEError | TypeError): WorkloadRefused {
  if (cause instanceof errors.JWTExpired) return refused('has expired', cause);
  if (cause instanceof errors.JWTClaimValidationFailed) {
    if (cause.claim === 'aud') return refused('is for another audience', cause);
    if (cause.claim === 'nbf') return refused('is not valid yet: compare the clocks', cause);
  }
  return new WorkloadRefused(`the token does not verify: ${cause.message}`, { cause });
}

function checkClaims(payload: JWTPayload, { namespace, serviceAccount }: WorkloadIdentity) {
  const read = Claims.safeParse(payload);
  if (!read.success) {
    const paths = read.error.issues.map(({ path }) => path.join('.')).join(', ');
    if (paths === 'aud') throw refused('is for more than one audience');
    throw new WorkloadRefused(`the token is none of a service account: ${paths}`);
  }
  const { 'kubernetes.io': bound, iat, exp } = read.data;
  if (bound.namespace !== namespace || bound.serviceaccount.name !== serviceAccount)
    throw new WorkloadRefused('the kubernetes.io claim of the token names another service account than its subject');
  if (bound.pod === undefined) throw refused('is not bound to a pod: it must be a projected one');
  if (exp - iat > MAX_LIFE_S)
    throw refused('lives longer than 24 h: give the projected volume shorter expirationSeconds');
  return { exp, pod: bound.pod };
}

const refused = (told: string, cause?: unknown): WorkloadRefused =>
  new WorkloadRefused(`the token ${told}`, { told, cause });
