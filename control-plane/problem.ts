/**
 * The one table of what the REST API refuses, and the error that carries it. Code throws `problem('not_found', 'MCP server "x" does not exist.')`;
 * api/answer-error.ts maps it once to `{error: {code, message, path?}}`.
 * Invariant: `message` is public: it names what, where, what was expected and what to do; `cause` goes to the log alone.
 */

// table
export const statuses = {
  invalid_body: 400,
  invalid_parameter: 400,
  /** No bearer token, or one that is malformed, unknown, expired or revoked. */
  unauthorized: 401,
  /** A valid token without the role. */
  forbidden: 403,
  /** The one-time secret is unknown, used or expired; the service-account token or the certificate is not accepted. */
  enrolment_refused: 403,
  certificate_refused: 403,
  not_found: 404,
  method_not_allowed: 405,
  /** The same thing exists otherwise: a URL taken, another name in the way. */
  conflict: 409,
  /** Others refer to it. */
  in_use: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  /** The body names something that does not exist. */
  unknown_reference: 422,
  /** A pod has just been given an identity. */
  too_many_requests: 429,
  internal: 500,
  /** PostgreSQL is away. */
  database_away: 503,
  /** A part that this answer needs is not up yet. */
  not_ready: 503,
} as const satisfies Record<string, number>;

export type ProblemCode = keyof typeof statuses;

export class Problem extends Error {
  readonly code: ProblemCode;
  /** Where in the body or the query: `pairs.3.0`, `?limit`. */
  readonly path: string | undefined;

  constructor(code: ProblemCode, message: string, more: { readonly path?: string; readonly cause?: unknown }) {
    super(message, { cause: more.cause });
    this.name = 'Problem';
    this.code = code;
    this.path = more.path;
  }

  get status(): number {
    return statuses[this.code];
  }
}

export const problem = (
  code: ProblemCode,
  message: string,
  more: { readonly path?: string; readonly cause?: unknown } = {},
): Problem => new Problem(code, message, more);
