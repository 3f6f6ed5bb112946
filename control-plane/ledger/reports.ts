/**
 * What gateways say of themselves over core NATS: reports into `gateway_replicas`, counters to whoever keeps them. Lossy by nature: the next one comes
 * in ten seconds. A gateway is believed about itself alone: the name comes from the subject, which the server enforces, and a body that names another is refused.
 */
import { GatewayReport } from '@portolan/core';
import type { Kysely } from 'kysely';
import type { Database } from '../db/index.ts';
import { gatewayOfSubject } from './read-message.ts';

/** Throws an error that says what is wrong with the report. */
export function readReport(subject: string, data: Uint8Array): GatewayReport {
  const report = GatewayReport.parse(JSON.parse(new TextDecoder().decode(data)));
  const gateway = gatewayOfSubject(subject);
  if (report.gateway !== gateway) throw new Error(`gateway ${gateway} sent a report of gateway ${report.gateway}`);
  return report;
}

/** Keeps the newest report of a replica that has enrolled; any other is ignored. `now`: ms since epoch. */
export async function recordReport(db: Kysely<Database>, report: GatewayReport, now: number): Promise<void> {
  await db
    .updateTable('gateway_replicas')
    .set({ report: JSON.stringify(report), reported_at: new Date(now) })
    .where('gateway', '=', report.gateway)
    .where('replica', '=', report.replica)
    .where('revoked_at', 'is', null)
    .where('left_at', 'is', null)
    .execute();
}
