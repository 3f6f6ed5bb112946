/** What an ACME server says when it does not do as asked (RFC 8555 §6.7, RFC 9457), and when it may be asked again. */
import { z } from 'zod';
import type { AcmeReply } from './http.ts';

const PREFIX = 'urn:ietf:params:acme:error:';
const MAX_TEXT = 500;
/** Longer ones are a mistake or a threat; we come back within this time in any case. */
const MAX_RETRY_AFTER_MS = 86_400_000;

export const ProblemDocument = z.object({
  type: z.string().default('about:blank'),
  detail: z.string().default(''),
  subproblems: z.array(z.object({ detail: z.string().default('') })).default([]),
});
export type ProblemDocument = z.infer<typeof ProblemDocument>;

export class AcmeProblem extends Error {
  override readonly name = 'AcmeProblem';
  /** `badNonce`, `rateLimited`, …; a whole URI where it is not one of ACME's. */
  readonly type: string;
  /** HTTP status; 200 where the problem stands in an order or a challenge. */
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor(document: ProblemDocument, status: number, retryAfterMs?: number) {
    const type = document.type.startsWith(PREFIX) ? document.type.slice(PREFIX.length) : document.type;
    const details = [document.detail, ...document.subproblems.map(({ detail }) => detail)].filter(
      (text) => text !== '',
    );
    super(`the ACME server says ${type}: ${details.join('; ').slice(0, MAX_TEXT) || `HTTP status ${status}`}`);
    this.type = type;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The problem that a reply states, whatever its form. `now`: ms since epoch. */
export function problemOf(reply: AcmeReply, now: number): AcmeProblem {
  return new AcmeProblem(documentOf(reply.text), reply.status, retryAfterMs(reply, now));
}

function documentOf(text: string): ProblemDocument {
  try {
    return ProblemDocument.parse(JSON.parse(text));
  } catch {
    return ProblemDocument.parse({ detail: text.slice(0, MAX_TEXT) });
  }
}

/** `Retry-After` in seconds or as a date (RFC 9110 §10.2.3); undefined where there is none that makes sense. */
export function retryAfterMs(reply: AcmeReply, now: number): number | undefined {
  const text = reply.header('retry-after');
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}
