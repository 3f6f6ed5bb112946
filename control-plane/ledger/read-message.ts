/**
 * From a message on `audit.<gateway>.records` to its records. Pure. A gateway can publish under its own name alone, so a record that names another
 * one is forged: the whole message is refused, not cleaned. A record of another form than ours costs no other: it becomes a record of its damage.
 */
import { AuditRecord, SpooledRecord } from '@portolan/core';
import { z } from 'zod';
import { damagedRecord } from './damaged.ts';

const Place = SpooledRecord.pick({ seq: true }).extend({ epoch: z.string().min(1).max(200) });
/** PostgreSQL's integer, and times that it can hold. */
const Stored = Place.extend({
  record: AuditRecord.extend({
    timestamp: z.iso.datetime({ offset: true }),
    http_status: z.int().min(0).max(999),
    proxy_hops: z.int().min(0).max(1_000),
  }),
});
const Message = z
  .array(z.looseObject({ record: z.unknown() }).catch({ record: undefined }))
  .min(1)
  .max(1_000);
type Item = z.infer<typeof Message>[number];
const Signed = z.object({ gateway: z.string() });

export interface AuditMessage {
  readonly gateway: string;
  readonly records: readonly SpooledRecord[];
  /** What was wrong with the first record that is not among them as it came. */
  readonly damage: Error | undefined;
}

/** The gateway that a subject belongs to: its second token. */
export const gatewayOfSubject = (subject: string): string => subject.split('.')[1] ?? '';

/** Throws an error that says what is wrong with the message, where nothing of it can be kept. `now`: ms since epoch. */
export function readMessage(subject: string, data: Uint8Array, now: number): AuditMessage {
  const gateway = gatewayOfSubject(subject);
  const items = Message.parse(JSON.parse(new TextDecoder().decode(data)));
  for (const { record } of items) {
    const signed = Signed.safeParse(record).data?.gateway ?? gateway;
    if (signed !== gateway) throw new Error(`gateway ${gateway} sent a record of gateway ${signed}`);
  }
  const read = items.map((item) => readItem(item, gateway, now));
  const records = read.flatMap(({ record }) => record ?? []);
  const damage = read.find((one) => one.damage)?.damage;
  if (records.length === 0) throw damage ?? new Error('no record');
  return { gateway, records, damage };
}

/** Without a place there is nothing to count it by. */
function readItem(
  item: Item,
  gateway: string,
  now: number,
): { readonly record?: SpooledRecord; readonly damage?: Error } {
  const whole = Stored.safeParse(item);
  if (whole.success) return { record: whole.data };
  const { data: place } = Place.safeParse(item);
  if (!place) return { damage: whole.error };
  return { record: damagedRecord({ gateway, ...place, said: item.record }, now), damage: whole.error };
}
