/**
 * What stays of an audit record that cannot be stored as it came: that it was there, and what of it can be read. Pure.
 * Invariant: its place is kept, so that the watermark passes it; every value is one that PostgreSQL takes.
 */
import { AuditRecord, damagedAuditRecord, type SpooledRecord } from '@portolan/core';
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
  const blank = damagedAuditRecord({
    timestamp: new Date(now).toISOString(),
    request_id: `damaged:${gateway}:${epoch}:${seq}`,
    trace_id: '',
    gateway,
  });
  return { epoch, seq, record: AuditRecord.parse({ ...blank, ...keptOf(said) }) };
}

/** Each field by itself: one that is wrong does not cost the others. */
function keptOf(said: unknown): z.infer<typeof Kept> {
  if (typeof said !== 'object' || said === null) return {};
  const fields = Object.entries(said).filter(([key, value]) => Kept.safeParse({ [key]: value }).success);
  return Kept.parse(Object.fromEntries(fields));
}
