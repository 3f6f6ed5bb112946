/** The document and the server are made from the same routes; here it is held against what Fastify really serves, and against the answers. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import Fastify from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mountRoutes } from '../server/mount-routes.ts';
import { startTestApi, type TestApi } from '../test/api.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';

let server: TestPostgres;
let api: TestApi;
// biome-ignore lint/suspicious/noExplicitAny: a JSON document
let document: any;

beforeAll(async () => {
  server = await startTestPostgres();
  api = await startTestApi(await server.schema('openapi'));
  document = (await api.ask('GET', '/openapi.json')).body;
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

test('every route that is served is documented, or says 405, or is the document', async () => {
  const app = Fastify({ exposeHeadRoutes: false });
  const served: { method: string; path: string }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) served.push({ method: one, path: url.replace(/:(\w+)/g, '{$1}') });
  });
  mountRoutes(app, api.mounting);
  await app.close();
  expect(served.length).toBeGreaterThan(50);
  for (const { method, path } of served) {
    if (document.paths[path]?.[method.toLowerCase()] || path === '/api/v1/openapi.json') continue;
    const reply = await api.ask(method as 'GET', path.replace('/api/v1', '').replace(/\{\w+\}/g, 'x'));
    expect([method, path, reply.status]).toEqual([method, path, 405]);
  }
});

test('it is OpenAPI 3.1 whose references resolve, whose ids are unique and whose schemas compile', () => {
  expect(document.openapi).toMatch(/^3\.1\./);
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'https://example.com/openapi', ...document });
  for (const name of Object.keys(document.components.schemas))
    expect(ajv.getSchema(`https://example.com/openapi#/components/schemas/${name}`), name).toBeDefined();
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  );
  expect(references.length).toBeGreaterThan(50);
  for (const name of references) expect(document.components.schemas).toHaveProperty(name ?? '');
  const operations = Object.values(
    document.paths as Record<string, Record<string, { operationId: string; summary: string; responses: object }>>,
  ).flatMap((path) => Object.values(path));
  expect(new Set(operations.map((one) => one.operationId)).size).toBe(operations.length);
  for (const one of operations) expect(Object.keys(one.responses).length, one.operationId).toBeGreaterThan(1);
});

test('answers are as documented', async () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'https://example.com/openapi', ...document });
  const asked = [
    ['PUT', '/gateways/aws', { url: 'https://aws.example.com' }],
    ['PUT', '/mcp-servers/m', { url: 'http://m', gateway: 'aws', description: 'x' }],
    ['PUT', '/users/alice', { email: 'alice@example.com' }],
    ['PUT', '/virtual-accounts/ci', { owner: 'alice' }],
    ['PUT', '/grants/g', { principal: { kind: 'user', name: 'alice' }, server: 'm', everything: true }],
    ['PUT', '/peer-matrix', { pairs: [] }],
    ['POST', '/tokens', { principal: { kind: 'user', name: 'alice' } }],
    ...[
      'gateways',
      'mcp-servers',
      'users',
      'virtual-accounts',
      'grants',
      'tokens',
      'audit',
      'status',
      'peer-matrix',
    ].map((path) => ['GET', `/${path}`, undefined] as const),
    ['GET', '/users/mars', undefined],
    ['GET', '/mcp-servers/m/status', undefined],
  ] as const;
  for (const [method, path, body] of asked) {
    const reply = await api.ask(method, path, body);
    const documented =
      document.paths[`/api/v1${path}`] ?? document.paths[`/api/v1${path.replace(/^(\/[\w-]+)\/[\w-]+/, '$1/{name}')}`];
    const { $ref } = documented[method.toLowerCase()].responses[reply.status].content['application/json'].schema;
    const valid = ajv.getSchema(`https://example.com/openapi${$ref}`);
    expect(valid?.(reply.body), `${method} ${path}: ${JSON.stringify(valid?.errors)}`).toBe(true);
  }
});
