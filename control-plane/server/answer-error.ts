/**
 * The one place where an error becomes an HTTP answer. What is not a Problem, an outage of PostgreSQL, or Fastify's own refusal of a request is a fault
 * of ours: 500, and only the log learns more.
 */
import type { z } from 'zod';
import { databaseAway } from '../db/index.ts';
import { Problem, problem } from '../problem.ts';

/** Any error → the Problem that is answered. Pure. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (databaseAway(error))
    return problem(
      'database_away',
      'PostgreSQL does not answer. Nothing was changed, or it is not known whether it was; send the same request again in a moment.',
      { cause: error },
    );
  return (
    refusedByFastify(error) ?? problem('internal', 'The control plane failed; its log says why.', { cause: error })
  );
}

// table: https://fastify.dev/docs/latest/Reference/Errors
const FASTIFY = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Content-Type must be application/json.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is larger than 2 MiB.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid_body', 'The body is not valid JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_body', 'Content-Length does not match the body.'],
  FST_ERR_BAD_URL: ['invalid_parameter', 'The path is not a valid URL.'],
} as const;

function refusedByFastify(error: unknown): Problem | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  const known = Object.hasOwn(FASTIFY, code) ? FASTIFY[code as keyof typeof FASTIFY] : undefined;
  if (known) return problem(known[0], known[1], { cause: error });
  // secure-json-parse and JSON.parse say where it broke, and repeat nothing but a few characters
  const status = 'statusCode' in error ? error.statusCode : undefined;
  return status === 400 ? problem('invalid_body', 'The body is not valid JSON.', { cause: error }) : undefined;
}

const SHOWN = 5;

/** A body or a query that a schema refused: each complaint with its path. */
export function invalid(code: 'invalid_body' | 'invalid_parameter', error: z.ZodError): Problem {
  const shown = error.issues
    .slice(0, SHOWN)
    .map((issue) => (issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message));
  const more = error.issues.length > SHOWN ? ` (and ${error.issues.length - SHOWN} more)` : '';
  const [first] = error.issues;
  return problem(
    code,
    `${shown.join('; ')}${more}`,
    first && first.path.length > 0 ? { path: first.path.join('.') } : {},
  );
}
