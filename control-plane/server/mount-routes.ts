/**
 * Puts the API's routes onto a Fastify instance: door, caller, schemas, handler, in this order.
 * Invariant: a caller is known before a byte of the body is read; a route exists at its own door alone.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Kysely } from 'kysely';
import type { z } from 'zod';
import { openApiDocument, PREFIX } from '../api/openapi.ts';
import type { Answer, Route } from '../api/route.ts';
import type { Database } from '../db/index.ts';
import { problem } from '../problem.ts';
import { type Administrator, authenticate } from '../tokens/index.ts';
import { invalid, invalidQuery } from './answer-error.ts';
import { meshCaller } from './mesh-caller.ts';

export interface Mounting {
  readonly routes: readonly Route[];
  readonly db: Kysely<Database>;
  /** TLS server name of the mesh door. */
  readonly meshName: string;
  readonly url: string;
  readonly version: string;
  /** False until the schema is up to date. */
  readonly ready: () => boolean;
  readonly now: () => number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined on routes that need no token. */
    administrator: Administrator | undefined;
  }
}

export function mountRoutes(app: FastifyInstance, mounting: Mounting): void {
  app.decorateRequest('administrator', undefined);
  for (const route of mounting.routes) mountRoute(app, route, mounting);
  mountDocument(app, mounting);
  mountRefusals(app, mounting.routes);
}

function mountRoute(app: FastifyInstance, route: Route, mounting: Mounting): void {
  app.route({
    method: route.method,
    url: urlOf(route.path),
    onRequest: (request) => admit(route, request, mounting),
    handler: async (request, reply) => send(reply, await route.handle(asked(route, request, mounting) as never)),
  });
}

/** OpenAPI's `{name}` is Fastify's `:name`. */
const urlOf = (path: string): string => PREFIX + path.replace(/\{(\w+)\}/g, ':$1');

async function admit(route: Route, request: FastifyRequest, mounting: Mounting): Promise<void> {
  const atMesh = meshCaller(request.raw.socket, mounting) !== undefined;
  if (atMesh !== (route.access === 'mesh')) throw elsewhere(route);
  if (!mounting.ready())
    throw problem(
      'not_ready',
      'The control plane is starting: PostgreSQL has not answered yet. Try again in a moment.',
    );
  if (route.access === 'admin')
    request.administrator = await authenticate(mounting.db, request.headers.authorization, mounting.now());
}

const elsewhere = (route: Route) =>
  problem(
    'not_found',
    route.access === 'mesh'
      ? 'This path is served to gateways only, over mutual TLS at the mesh name.'
      : 'This path is not served at the mesh name.',
  );

function asked(route: Route, request: FastifyRequest, mounting: Mounting) {
  const at = meshCaller(request.raw.socket, mounting);
  return {
    params: checked(route.params, request.params, 'invalid_parameter'),
    query: checkedQuery(route.query, request.query as object),
    body: checked(route.body, request.body, 'invalid_body'),
    caller: at?.caller,
  };
}

function checkedQuery(schema: z.ZodObject | undefined, given: object): unknown {
  const read = schema?.safeParse(given);
  if (schema && read?.error) throw invalidQuery(read.error, schema, given);
  return read?.data;
}

function checked(schema: z.ZodType | undefined, value: unknown, code: 'invalid_body' | 'invalid_parameter'): unknown {
  if (!schema) return undefined;
  if (value === undefined) throw problem('invalid_body', 'The body is empty: expected a JSON object.');
  const read = schema.safeParse(value);
  if (!read.success) throw invalid(code, read.error);
  return read.data;
}

function send(reply: FastifyReply, { status, body, type }: Answer): FastifyReply {
  reply.code(status);
  if (type !== undefined) reply.type(type);
  return body === undefined ? reply.send() : reply.send(body);
}

/** The document is public, as this program is. */
function mountDocument(app: FastifyInstance, { routes, url, version }: Mounting): void {
  const document = openApiDocument(routes, { url, version });
  app.get(`${PREFIX}/openapi.json`, async () => document);
}

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH'] as const;

/** 405 for a known path asked by another method, 404 for any other path; both as JSON. */
function mountRefusals(app: FastifyInstance, routes: readonly Route[]): void {
  for (const [path, all] of Map.groupBy(routes, (route) => route.path)) {
    const known: readonly string[] = all.map((route) => route.method);
    app.route({
      method: METHODS.filter((method) => !known.includes(method)),
      url: urlOf(path),
      onRequest: async (_, reply) => {
        reply.header('allow', known.join(', '));
        throw problem('method_not_allowed', `Allowed here: ${known.join(', ')}.`);
      },
      handler: async () => undefined,
    });
  }
  app.setNotFoundHandler(async () => {
    throw problem('not_found', `Nothing is served at this path. The API is described at ${PREFIX}/openapi.json.`);
  });
}
