/** How the public certificates stand that are ordered by ACME. */
import { type api, CONTROL } from '@portolan/core';
import type { Kysely, Selectable } from 'kysely';
import { isLate } from '../acme/schedule.ts';
import { certificateRows } from '../acme/store.ts';
import type { Database } from '../db/index.ts';

/** Planes in order of name; a gateway whose first order is still to come is among them. `now`: ms since epoch. */
export async function certificateStatuses(db: Kysely<Database>, now: number): Promise<api.PlaneCertificateStatus[]> {
  const rows = await certificateRows({ db });
  const asked = await db
    .selectFrom('gateways')
    .select('name')
    .where('certificate', '=', 'acme')
    .where('status', '=', 'active')
    .execute();
  const present = new Map(rows.map((row) => [row.plane, row]));
  const planes = new Set([...asked.map(({ name }) => name), ...(present.has(CONTROL) ? [CONTROL] : [])]);
  return [...planes].toSorted().map((plane) => statusOf(plane, present.get(plane), now));
}

type Row = Selectable<Database['certificates']>;

function statusOf(plane: string, row: Row | undefined, now: number): api.PlaneCertificateStatus {
  const [notBefore, notAfter] = [row?.not_before?.getTime(), row?.not_after?.getTime()];
  const failures = row?.failures ?? 0;
  return {
    plane,
    name: row?.name ?? null,
    notAfter: row?.not_after?.toISOString() ?? null,
    renewAt: row?.renew_at?.toISOString() ?? null,
    late: notBefore === undefined || notAfter === undefined ? failures > 0 : isLate({ notBefore, notAfter }, now),
    failures,
    lastError:
      row?.last_error == null || row.last_error_at === null
        ? null
        : {
            message: row.last_error,
            at: row.last_error_at.toISOString(),
            nextTryAt: row.retry_at?.toISOString() ?? null,
          },
  };
}
