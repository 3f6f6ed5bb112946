/**
 * The audit record that each gateway on the path writes, and the row that the API answers for a request.
 * Invariant: exactly one record a request and gateway, refusals included; never a token, an argument or a result.
 */
import { z } from 'zod';

export const AuditStatus = z.enum(['success', 'refused', 'failed']);

/** One gateway's record of one request. Key: (`request_id`, `gateway`); position: (`gateway`, `epoch`, `seq`). */
export const AuditRecord = z.object({
  /** ISO 8601, UTC, when the request arrived at this gateway. */
  timestamp: z.string(),
  /** Made by the entry gateway (UUIDv7), carried by `portolan-hop`. */
  request_id: z.string(),
  trace_id: z.string(),
  role: z.enum(['entry', 'handling']),
  /** The gateway that wrote this record. */
  gateway: z.string(),
  entry_gateway: z.string(),
  /** Null where the request was refused before it was routed. */
  handling_gateway: z.string().nullable(),
  /** Gateway-to-gateway crossings, 0 or 1. */
  proxy_hops: z.int().min(0),
  /** Name of the user or virtual account; null before a principal is known. */
  user: z.string().nullable(),
  principal_kind: z.enum(['user', 'virtual-account']).nullable(),
  token_id: z.string().nullable(),
  mcp_server: z.string().nullable(),
  /** JSON-RPC method, or the HTTP method for streams and session ends; at most 512 characters, the last an ellipsis where it was longer. */
  method: z.string().nullable(),
  /** Tool, prompt or resource that was asked for; cut like `method`. */
  tool: z.string().nullable(),
  status: AuditStatus,
  http_status: z.int(),
  /** Fault code (docs/errors.md) where refused or failed. */
  code: z.string().nullable(),
  total_latency_ms: z.number(),
});
export type AuditRecord = z.infer<typeof AuditRecord>;

/** What stands in the place of a record that damage took: that it was there, and no more of it than is `known`. */
export const damagedAuditRecord = (
  known: Pick<AuditRecord, 'timestamp' | 'request_id' | 'trace_id' | 'gateway'>,
): AuditRecord => ({
  ...known,
  role: 'handling',
  entry_gateway: known.gateway,
  handling_gateway: null,
  proxy_hops: 0,
  user: null,
  principal_kind: null,
  token_id: null,
  mcp_server: null,
  method: null,
  tool: null,
  status: 'failed',
  http_status: 0,
  code: 'audit_record_damaged',
  total_latency_ms: 0,
});

/** A record with its place in the gateway's spool: what travels on NATS. */
export const SpooledRecord = z.object({ epoch: z.string(), seq: z.int().min(1), record: AuditRecord });
export type SpooledRecord = z.infer<typeof SpooledRecord>;

/** Up to `seq` of `epoch` everything is in PostgreSQL; the spool may free it. */
export const Watermark = z.object({ epoch: z.string(), seq: z.int().min(0) });
export type Watermark = z.infer<typeof Watermark>;

/** One row a request, as `GET /api/v1/audit` answers it: the entry's record, with every gateway's under `hops`. */
export const AuditRow = AuditRecord.omit({ role: true }).extend({ hops: z.array(AuditRecord) });
export type AuditRow = z.infer<typeof AuditRow>;
