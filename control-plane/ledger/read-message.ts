/**
 * From a message on `audit.<gateway>.records` to its records. Pure. A gateway can publish under its own name alone, so a record that names another
 * one is forged: the whole message is refused, not cleaned.
 */
import { AuditRecord, SpooledRecord } from '@portolan/core';
import { z } from 'zod';

/** PostgreSQL's integer, and times that it can hold. */
const Stored = SpooledRecord.extend({
  epoch: z.string().min(1).max(200),
  record: AuditRecord.extend({
    timestamp: z.iso.datetime({ offset: true }),
    http_status: z.int().min(0).max(999),
    proxy_hops: z.int().min(0).max(1_000),
  }),
});
const Message = z.array(Stored).min(1).max(1_000);

export interface AuditMessage {
  readonly gateway: string;
  readonly records: readonly SpooledRecord[];
}

/** The gateway that a subject belongs to: its second token. */
export const gatewayOfSubject = (subject: string): string => subject.split('.')[1] ?? '';

/** Throws an error that says what is wrong with the message. */
export function readMessage(subject: string, data: Uint8Array): AuditMessage {
  const gateway = gatewayOfSubject(subject);
  const records = Message.parse(JSON.parse(new TextDecoder().decode(data)));
  const foreign = records.find(({ record }) => record.gateway !== gateway);
  if (foreign) throw new Error(`gateway ${gateway} sent a record of gateway ${foreign.record.gateway}`);
  return { gateway, records };
}

/** As JSON that PostgreSQL takes: it refuses NUL and halves of surrogate pairs, which a caller's tool name may well hold. */
export const storable = (records: readonly SpooledRecord[]): string =>
  JSON.stringify(
    records.map(({ epoch, seq, record }) => ({ epoch, seq, ...record })),
    (_key, value: unknown) => (typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value),
  );
