/** For the tests of this folder: a whole audit record, a log that says nothing, the clocks. */
import type { AuditRecord } from '@portolan/core';
import type { Clock, Log } from '../../ports.ts';

export const quietLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
export const realClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

export const auditRecord = (own: Partial<AuditRecord> = {}): AuditRecord => ({
  timestamp: '2026-01-01T00:00:00.000Z',
  request_id: '0190a0a0-0000-7000-8000-000000000000',
  trace_id: '0'.repeat(32),
  role: 'entry',
  gateway: 'aws',
  entry_gateway: 'aws',
  handling_gateway: 'azure',
  proxy_hops: 1,
  user: 'alice',
  principal_kind: 'user',
  token_id: 'abcdefghij',
  mcp_server: 'mcp-m365',
  method: 'tools/call',
  tool: 'get_calendar_events',
  status: 'success',
  http_status: 200,
  code: null,
  total_latency_ms: 12.5,
  ...own,
});
