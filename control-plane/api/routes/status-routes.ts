/** What the federation looks like now. */
import { api } from '@portolan/core';
import { federationStatus } from '../../status/index.ts';
import { ok, type Route, route } from '../route.ts';
import type { Parts } from './parts.ts';

export const statusRoutes = (parts: Parts): readonly Route[] => [
  route({
    method: 'GET',
    path: '/status',
    access: 'admin',
    tag: 'status',
    summary: 'Each gateway: enrolled, connected, applied revision, lag, drift, certificate, spool; retired ones too.',
    answers: { 200: { says: 'The status.', schema: api.FederationStatus } },
    problems: [],
    handle: async () => ok(await federationStatus(parts)),
  }),
];
