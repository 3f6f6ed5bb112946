/** The audit, read. */
import { AuditFilter, queryAudit } from '../../audit-query/index.ts';
import { ok, type Route, route } from '../route.ts';
import { pages } from '../schemas.ts';
import type { Parts } from './parts.ts';

export const auditRoutes = ({ db }: Parts): readonly Route[] => [
  route({
    method: 'GET',
    path: '/audit',
    access: 'admin',
    tag: 'audit',
    summary: "One row a request, newest first: the entry gateway's record, with every gateway's under `hops`.",
    query: AuditFilter,
    answers: { 200: { says: 'One page, as of the moment of the first page.', schema: pages.audit } },
    problems: ['invalid_parameter'],
    handle: async ({ query }) => ok(await queryAudit(db, query)),
  }),
];
