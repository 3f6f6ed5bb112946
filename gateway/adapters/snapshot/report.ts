/**
 * What this replica says of itself over core NATS: report at each change and every 10 s, counters every 10 s. Lossy by design: the next
 * one says it all again.
 */
import { type GatewayReport, subjects } from '@portolan/core';
import type { MeshIdentity } from '../../ports.ts';
import type { NatsLink } from '../nats/nats-link.ts';
import { Pause } from '../wait.ts';
import type { SnapshotRegistry } from './snapshot-registry.ts';

const EVERY_MS = 10_000;
/** A gateway's NATS permissions bound a message at 256 KiB. */
const MAX_COUNTERS = 1000;

export interface ReportOptions {
  readonly link: NatsLink;
  readonly registry: SnapshotRegistry;
  readonly identity: MeshIdentity;
  readonly replica: string;
  readonly version: string;
  readonly spool: () => GatewayReport['spool'];
  /** `name{labels}` → cumulative value. */
  readonly counters: () => Readonly<Record<string, number>>;
}

/** Works until `signal` aborts. */
export async function report(options: ReportOptions, signal: AbortSignal): Promise<void> {
  const { link, registry } = options;
  const pause = new Pause();
  const stop = registry.onChange(() => sendReport(options));
  link.onConnect(() => pause.wake());
  while (!signal.aborted) {
    sendReport(options);
    sendCounters(options);
    await pause.wait(EVERY_MS, signal);
  }
  stop();
}

function sendReport({ link, registry, identity, ...own }: ReportOptions): void {
  const self = identity.current();
  const applied = registry.applied();
  if (!self || !applied) return;
  const { revision: appliedRevision, digest, appliedAt } = applied;
  const { replica, version } = own;
  const certificateNotAfter = self.notAfter;
  const spool = own.spool();
  const body: GatewayReport = {
    gateway: self.gateway,
    replica,
    version,
    appliedRevision,
    digest,
    appliedAt,
    certificateNotAfter,
    spool,
  };
  link.publish(subjects.report(self.gateway), JSON.stringify(body));
}

/** In several messages where there are many: values are cumulative, so the receiver merges them by key. */
function sendCounters({ link, identity, replica, counters }: ReportOptions): void {
  const self = identity.current();
  const all = Object.entries(counters());
  for (let at = 0; self && at < all.length; at += MAX_COUNTERS) {
    const some = Object.fromEntries(all.slice(at, at + MAX_COUNTERS));
    link.publish(subjects.metrics(self.gateway), JSON.stringify({ replica, counters: some }));
  }
}
