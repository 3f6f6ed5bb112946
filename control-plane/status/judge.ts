/**
 * Pure: replicas' reports and published digests → what a gateway's status says.
 * Replicas that speak count; where none has spoken lately, the one that spoke last. The slowest decides the revision, one that differs is drift.
 */
import type { api, GatewayReport } from '@portolan/core';

/** A report older than this means "not connected" (ms); gateways report every 10 s. */
export const SILENT_AFTER_MS = 30_000;

export interface ReplicaState {
  /** ms since epoch; undefined before the first report. */
  readonly reportedAt: number | undefined;
  readonly certificateNotAfter: number;
  readonly report: GatewayReport | undefined;
}

type Judged = Omit<api.GatewayStatus, 'name' | 'url' | 'status'>;
type Reported = ReplicaState & { readonly reportedAt: number; readonly report: GatewayReport };

export function judge(replicas: readonly ReplicaState[], published: ReadonlyMap<number, string>, now: number): Judged {
  const revision = Math.max(0, ...published.keys());
  const reported = replicas.filter(
    (replica): replica is Reported => replica.report !== undefined && replica.reportedAt !== undefined,
  );
  const speaking = reported.filter((replica) => now - replica.reportedAt <= SILENT_AFTER_MS);
  const counted = speaking.length > 0 ? speaking : newest(reported);
  const appliedRevision = lowest(counted.map(({ report }) => report.appliedRevision));
  return {
    enrolled: replicas.length > 0,
    connected: speaking.length > 0,
    revision,
    appliedRevision,
    lag: appliedRevision === null ? null : revision - appliedRevision,
    drift: drift(
      counted.map(({ report }) => report),
      published,
    ),
    lastReportAt: iso(highest(reported.map((replica) => replica.reportedAt))),
    certificateNotAfter: iso(
      lowest((counted.length > 0 ? counted : replicas).map((replica) => replica.certificateNotAfter)),
    ),
    spool: spool(counted.map(({ report }) => report.spool)),
  };
}

const newest = (reported: readonly Reported[]): readonly Reported[] =>
  reported.toSorted((a, b) => b.reportedAt - a.reportedAt).slice(0, 1);

/** Null while it cannot be told: nothing reported, or a revision that we no longer have. */
function drift(reports: readonly GatewayReport[], published: ReadonlyMap<number, string>): boolean | null {
  const differs = reports.map(({ appliedRevision, digest }) => {
    const ours = published.get(appliedRevision);
    return ours === undefined ? null : ours !== digest;
  });
  if (differs.includes(true)) return true;
  return differs.length === 0 || differs.includes(null) ? null : false;
}

function spool(spools: readonly GatewayReport['spool'][]): GatewayReport['spool'] | null {
  if (spools.length === 0) return null;
  const sum = (pick: (one: GatewayReport['spool']) => number): number =>
    spools.reduce((total, one) => total + pick(one), 0);
  return { bytes: sum((one) => one.bytes), records: sum((one) => one.records), dropped: sum((one) => one.dropped) };
}

const lowest = (numbers: readonly number[]): number | null => (numbers.length > 0 ? Math.min(...numbers) : null);
const highest = (numbers: readonly number[]): number | null => (numbers.length > 0 ? Math.max(...numbers) : null);
const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
