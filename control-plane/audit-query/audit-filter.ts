/** What `GET /api/v1/audit` may be asked. Every filter looks at the row that is shown; several are joined by "and". */
import { AuditStatus } from '@portolan/core';
import { z } from 'zod';
import { paging } from '../cursor.ts';

const Text = z.string().min(1).max(512);
const Instant = z.iso.datetime({ offset: true, error: 'expected a time as 2026-01-31T12:00:00Z' });

export const AuditFilter = z.strictObject({
  ...paging(50),
  user: Text.optional().describe('Name of the user or virtual account.'),
  mcp_server: Text.optional(),
  tool: Text.optional().describe('Tool, prompt or resource that was asked for.'),
  status: AuditStatus.optional(),
  entry_gateway: Text.optional(),
  handling_gateway: Text.optional(),
  code: Text.optional().describe('Fault code of a refused or failed request.'),
  request_id: Text.optional(),
  trace_id: Text.optional(),
  since: Instant.optional().describe('Requests at or after this time (ISO 8601).'),
  until: Instant.optional().describe('Requests before this time (ISO 8601).'),
});
export type AuditFilter = z.output<typeof AuditFilter>;
