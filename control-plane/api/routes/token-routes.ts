/** PAT and VAT: issue (the text is shown once), list, revoke. */
import { api } from '@portolan/core';
import { z } from 'zod';
import { getToken, issueToken, listTokens, PrincipalText, revokeToken } from '../../tokens/index.ts';
import { created, empty, ok, type Route, route } from '../route.ts';
import { pages } from '../schemas.ts';
import { Paging } from './paging.ts';
import type { Parts } from './parts.ts';

const words = { access: 'admin', tag: 'tokens' } as const;
const Id = z.strictObject({ id: z.string().regex(/^[0-9A-Za-z]{10}$/, 'expected the 10 characters of a token id') });
const Query = Paging.extend({ principal: PrincipalText.optional().describe('Only the tokens of this principal.') });

export const tokenRoutes = (parts: Parts): readonly Route[] => [
  route({
    ...words,
    method: 'GET',
    path: '/tokens',
    summary: 'Lists tokens, revoked and expired ones too, newest first.',
    query: Query,
    answers: { 200: { says: 'One page.', schema: pages.tokens } },
    problems: ['invalid_parameter'],
    handle: async ({ query }) => ok(await listTokens(parts.db, query)),
  }),
  route({
    ...words,
    method: 'POST',
    path: '/tokens',
    summary: 'Issues a PAT for a user, or a VAT for a virtual account. Its text is in this answer and nowhere else.',
    body: api.TokenBody,
    answers: { 201: { says: 'The token, with its text.', schema: api.IssuedToken } },
    problems: ['invalid_body', 'unknown_reference'],
    handle: async ({ body }) => created(await issueToken(parts.db, parts.kek, body, parts.now())),
  }),
  route({
    ...words,
    method: 'GET',
    path: '/tokens/{id}',
    summary: 'Answers one token, without its text.',
    params: Id,
    answers: { 200: { says: 'The token.', schema: api.TokenView } },
    problems: ['invalid_parameter', 'not_found'],
    handle: async ({ params }) => ok(await getToken(parts.db, params.id)),
  }),
  route({
    ...words,
    method: 'DELETE',
    path: '/tokens/{id}',
    summary: 'Revokes a token: here at once, at the gateways with their next snapshot. Revoking twice changes nothing.',
    params: Id,
    answers: { 204: { says: 'It is revoked.' } },
    problems: ['invalid_parameter', 'not_found', 'in_use'],
    handle: async ({ params }) => {
      await revokeToken(parts.db, params.id);
      return empty;
    },
  }),
];
