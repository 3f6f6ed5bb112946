/** GET, PUT and DELETE for each kind of the registry, and the peer matrix. */
import { api } from '@portolan/core';
import { z } from 'zod';
import {
  gateways,
  gatewaysWithOwnCertificates,
  get,
  getPeerMatrix,
  grants,
  type Kind,
  list,
  mcpServers,
  put,
  putPeerMatrix,
  remove,
  removePeerMatrix,
  users,
  virtualAccounts,
} from '../../registry/index.ts';
import { createdOr200, empty, ok, type Route, route } from '../route.ts';
import { pages } from '../schemas.ts';
import { Paging } from './paging.ts';
import type { Parts } from './parts.ts';

export const registryRoutes = (parts: Parts): readonly Route[] => [
  ...kindRoutes(parts, parts.ordersCertificates ? gateways : gatewaysWithOwnCertificates, pages.gateways),
  ...kindRoutes(parts, mcpServers, pages.mcpServers),
  ...kindRoutes(parts, users, pages.users),
  ...kindRoutes(parts, virtualAccounts, pages.virtualAccounts),
  ...kindRoutes(parts, grants, pages.grants),
  ...matrixRoutes(parts),
];

function kindRoutes<Body, View>(parts: Parts, kind: Kind<Body, View>, pageSchema: z.ZodType): readonly Route[] {
  return [listRoute(parts, kind, pageSchema), getRoute(parts, kind), putRoute(parts, kind), deleteRoute(parts, kind)];
}

const access = 'admin';
const noun = (kind: { readonly noun: string }): string =>
  kind.noun.replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase());
const named = (kind: { readonly name: z.ZodType<string> }) => z.strictObject({ name: kind.name });

function listRoute<Body, View>({ db }: Parts, kind: Kind<Body, View>, schema: z.ZodType): Route {
  return route({
    method: 'GET',
    path: `/${kind.path}`,
    access,
    tag: kind.path,
    summary: `Lists each ${noun(kind)}, in order of name.`,
    query: Paging,
    answers: { 200: { says: 'One page.', schema } },
    problems: ['invalid_parameter'],
    handle: async ({ query }) => ok(await list(db, kind, query)),
  });
}

function getRoute<Body, View>({ db }: Parts, kind: Kind<Body, View>): Route {
  return route({
    method: 'GET',
    path: `/${kind.path}/{name}`,
    access,
    tag: kind.path,
    summary: `Answers one ${noun(kind)}.`,
    params: named(kind),
    answers: { 200: { says: `The ${noun(kind)}.`, schema: kind.view } },
    problems: ['invalid_parameter', 'not_found'],
    handle: async ({ params }) => ok(await get(db, kind, params.name)),
  });
}

function putRoute<Body, View>({ db }: Parts, kind: Kind<Body, View>): Route {
  return route({
    method: 'PUT',
    path: `/${kind.path}/{name}`,
    access,
    tag: kind.path,
    summary: `Creates the ${noun(kind)}, or replaces what it says. The same body twice changes nothing.`,
    params: named(kind),
    body: kind.body,
    answers: { 200: { says: 'It was there.', schema: kind.view }, 201: { says: 'It was created.', schema: kind.view } },
    problems: ['invalid_parameter', 'invalid_body', 'conflict', 'unknown_reference'],
    handle: async ({ params, body }) => {
      const done = await put(db, kind, params.name, body as Body);
      return createdOr200(done.created, done.view);
    },
  });
}

function deleteRoute<Body, View>({ db }: Parts, kind: Kind<Body, View>): Route {
  return route({
    method: 'DELETE',
    path: `/${kind.path}/{name}`,
    access,
    tag: kind.path,
    summary: kind.removal,
    params: named(kind),
    answers: { 204: { says: 'It is gone.' } },
    problems: ['invalid_parameter', 'not_found', 'in_use', 'conflict'],
    handle: async ({ params }) => {
      await remove(db, kind, params.name);
      return empty;
    },
  });
}

function matrixRoutes({ db }: Parts): readonly Route[] {
  const words = { path: '/peer-matrix', access, tag: 'peer-matrix' } as const;
  const schema = api.PeerMatrixBody;
  return [
    route({
      ...words,
      method: 'GET',
      summary: 'Answers which pairs of gateways may call each other.',
      answers: { 200: { says: 'The matrix; each pair and the list in order of name.', schema } },
      problems: ['not_found'],
      handle: async () => ok(await getPeerMatrix(db)),
    }),
    route({
      ...words,
      method: 'PUT',
      summary: 'Sets which pairs of gateways may call each other, all of them. Order within a pair means nothing.',
      body: schema,
      answers: { 200: { says: 'There was one.', schema }, 201: { says: 'It was created.', schema } },
      problems: ['invalid_body', 'unknown_reference', 'conflict'],
      handle: async ({ body }) => {
        const done = await putPeerMatrix(db, body);
        return createdOr200(done.created, done.view);
      },
    }),
    route({
      ...words,
      method: 'DELETE',
      summary: 'Deletes the matrix: no gateway may call another.',
      answers: { 204: { says: 'It is gone.' } },
      problems: ['not_found'],
      handle: async () => {
        await removePeerMatrix(db);
        return empty;
      },
    }),
  ];
}
