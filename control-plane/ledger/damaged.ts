/**
 * What stays of an audit record that cannot be stored as it came: that it was there, and what of it can be read. Pure.
 * Invariant: its place is kept, so that the watermark passes it; every value is one that PostgreSQL takes.
 */
import { AuditRecord, type SpooledRecord } from '@portolan/core';
import type { z } from 'zod';

/** Where the record stands, and what it said, in whatever form. */
export interface Remains {
  readonly gateway: string;
  readonly epoch: string;
  readonly seq: number;
  readonly said: unknown;
}

const Kept = AuditRecord.pick({ request_id: true, trace_id: true, role: true, entry_gateway: true }).partial();

/** `now`: ms since epoch; stands for the time of the request, which may be what was damaged. */
export function damagedRecord({ gateway, epoch, seq, said }: Remains, now: number): SpooledRecord {
  const kept = keptOf(said);
  return {
    epoch,
    seq,
    record: {
      timestamp: new Date(now).toISOString(),
      request_id: kept.request_id ?? `damaged:${gateway}:${epoch}:${seq}`,
      trace_id: kept.trace_id ?? '',
      role: kept.role ?? 'handling',
      gateway,
      entry_gateway: kept.entry_gateway ?? gateway,
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
    },
  };
}

/** Each field by itself: one that is wrong does not cost the others. */
function keptOf(said: unknown): z.infer<typeof Kept> {
  if (typeof said !== 'object' || said === null) return {};
  const fields = Object.entries(said).filter(([key, value]) => Kept.safeParse({ [key]: value }).success);
  return Kept.parse(Object.fromEntries(fields));
}
