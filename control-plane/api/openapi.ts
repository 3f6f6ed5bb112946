/** The OpenAPI 3.1 document of the API, made from its routes and schemas (OpenAPI Specification 3.1.1). Pure. */
import { z } from 'zod';
import { type ProblemCode, statuses } from '../problem.ts';
import type { Described, Route } from './route.ts';
import { answered, sent } from './schemas.ts';

type Json = Record<string, unknown>;

export const PREFIX = '/api/v1';

export function openApiDocument(
  routes: readonly Route[],
  about: { readonly url: string; readonly version: string },
): Json {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Portolan control plane',
      version: about.version,
      description: 'Registry, tokens, audit and status of a federation of MCP gateways.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: about.url }],
    paths: pathsOf(routes),
    components: {
      schemas: { ...named(sent, 'input'), ...named(answered, 'output') },
      securitySchemes: {
        admin: { type: 'http', scheme: 'bearer', description: 'A token with role admin.' },
        mesh: { type: 'mutualTLS', description: "A gateway's mesh certificate, at the mesh name `control`." },
      },
    },
  };
}

function pathsOf(routes: readonly Route[]): Json {
  const byPath = Map.groupBy(routes, (route) => PREFIX + route.path);
  return Object.fromEntries(
    [...byPath].map(([path, all]) => [
      path,
      Object.fromEntries(all.map((one) => [one.method.toLowerCase(), operation(one)])),
    ]),
  );
}

function operation(route: Route): Json {
  return {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    security: security(route),
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: json(schemaOf(route.body, 'input')) } }),
    responses: { ...successes(route), ...failures(route) },
  };
}

/** `putGatewaysName`, `postEnroll`. */
const operationId = ({ method, path }: Route): string =>
  method.toLowerCase() +
  path
    .split(/[^A-Za-z]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

function security({ access }: Route): Json[] {
  if (access === 'admin') return [{ admin: [] }];
  return access === 'mesh' ? [{ mesh: [] }] : [];
}

function parameters(object: z.ZodObject | undefined, where: 'path' | 'query'): Json[] {
  if (!object) return [];
  const { properties = {}, required = [] } = inline(object, 'input');
  return Object.entries(properties as Record<string, Json>).map(([name, { description, ...schema }]) => ({
    name,
    in: where,
    required: where === 'path' || (required as string[]).includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

const successes = ({ answers }: Route): Json =>
  Object.fromEntries(Object.entries(answers).map(([status, described]) => [status, response(described)]));

function response({ says, schema, type }: Described): Json {
  return schema ? { description: says, content: json(schemaOf(schema, 'output'), type) } : { description: says };
}

/** Every route may meet a missing token, a fault of ours, or PostgreSQL being away. */
function failures(route: Route): Json {
  const always: ProblemCode[] = ['internal', 'database_away', 'not_ready'];
  const auth: ProblemCode[] = route.access === 'admin' ? ['unauthorized', 'forbidden'] : [];
  const body: ProblemCode[] = route.body ? ['payload_too_large', 'unsupported_media_type'] : [];
  const byStatus = Map.groupBy([...route.problems, ...auth, ...body, ...always], (code) => statuses[code]);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: `Code ${codes.map((code) => `\`${code}\``).join(' or ')}.`,
        content: json({ $ref: ref('Error') }),
      },
    ]),
  );
}

const json = (schema: Json, type = 'application/json'): Json => ({ [type]: { schema } });
const ref = (name: string): string => `#/components/schemas/${name}`;

/** A reference where the schema has a name, else the schema itself. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const all = { ...sent, ...answered };
  const name = Object.keys(all).find((known) => all[known] === schema);
  return name === undefined ? inline(schema, io) : { $ref: ref(name) };
}

function inline(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, '~standard': __, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return rest;
}

/** Schemas that refer to each other by name. */
function named(schemas: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output'): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const made = z.toJSONSchema(registry, { io, uri: ref, unrepresentable: 'any' });
  return Object.fromEntries(
    Object.entries(made.schemas).map(([id, schema]) => {
      const { $schema: _, $id: __, id: ___, ...rest } = schema as Json;
      return [id, rest];
    }),
  );
}
