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
/** Characters of a parameter that are said back. */
const GIVEN = 80;

interface Complaint {
  readonly path: string;
  readonly says: string;
}

/** A body or a path that a schema refused: each complaint with its place. Values are not said back: there are secrets in bodies. */
export const invalid = (code: 'invalid_body' | 'invalid_parameter', error: z.ZodError): Problem =>
  refused(
    code,
    error.issues.map(({ path, message }) => ({ path: path.join('.'), says: message })),
  );

/** A query that a schema refused: each parameter, what was expected and what was given. */
export const invalidQuery = (error: z.ZodError, schema: z.ZodObject, given: object): Problem =>
  refused(
    'invalid_parameter',
    error.issues.flatMap((issue) => complaints(issue, schema, new Map(Object.entries(given)))),
  );

function complaints(issue: z.core.$ZodIssue, { shape }: z.ZodObject, given: ReadonlyMap<string, unknown>): Complaint[] {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(shape).join(', ');
    return issue.keys.map((path) => ({ path, says: `there is no such parameter; expected ${known}` }));
  }
  const path = issue.path.join('.');
  const text = JSON.stringify(given.get(path) ?? null);
  const got = text.length <= GIVEN ? text : `${text.slice(0, GIVEN)}…`;
  return [{ path, says: `${issue.message}; got ${got}` }];
}

function refused(code: 'invalid_body' | 'invalid_parameter', all: readonly Complaint[]): Problem {
  const shown = all.slice(0, SHOWN).map(({ path, says }) => (path === '' ? says : `${path}: ${says}`));
  const more = all.length > SHOWN ? ` (and ${all.length - SHOWN} more)` : '';
  const path = all[0]?.path;
  return problem(code, `${shown.join('; ')}${more}`, path ? { path } : {});
}
