/**
 * Keeps the registry at the newest snapshot: pushes are applied at once, the stream is read at every connect and every 30 s, and after a
 * minute without a reading the control plane is asked over HTTPS. No watch: a watch can go silent for ever, a poll cannot.
 * Invariant: worst staleness with NATS up = one poll; what the stream holds but cannot be applied is no reading; nothing here fails the gateway.
 */
import { subjects } from '@portolan/core';
import type { Clock, Log, MeshIdentity } from '../../ports.ts';
import { askInMesh, type ControlPlaneAddress } from '../ask-control-plane.ts';
import { lastValue } from '../nats/last-value.ts';
import { NatsAway, type NatsLink } from '../nats/nats-link.ts';
import { Pause } from '../wait.ts';
import type { FetchPart } from './read-tables.ts';
import type { Offered, SnapshotRegistry } from './snapshot-registry.ts';

const POLL_MS = 30_000;
const FALLBACK_AFTER_MS = 60_000;
/** Without any snapshot nothing is served, so nothing is lost by asking early. */
const IMPATIENT_MS = 3000;
const INCOMPLETE_RETRY_MS = 1000;
const ALARM_EVERY_MS = 600_000;

export interface FollowOptions {
  readonly link: NatsLink;
  readonly registry: SnapshotRegistry;
  readonly identity: MeshIdentity;
  readonly controlPlane: ControlPlaneAddress;
  readonly clock: Clock;
  readonly log: Log;
  /** Until HTTPS is asked, in ms. Default 60 s. */
  readonly fallbackAfterMs?: number;
}

/** Parts of a snapshot that outgrew one message, as the stream has them. */
export const partsByNats =
  (link: NatsLink, identity: MeshIdentity): FetchPart =>
  async (sha256) => {
    const self = identity.current();
    return self && lastValue(link, subjects.snapshotPart(self.gateway, sha256));
  };

/** Works until `signal` aborts. */
export async function followSnapshot(options: FollowOptions, signal: AbortSignal): Promise<void> {
  const { link, registry, clock } = options;
  const pause = new Pause();
  const take = (data: Uint8Array): Promise<Offered> => registry.offer(new TextDecoder().decode(data), 'NATS');
  const readAgain = (offered: Offered): void => (isReading(offered) ? undefined : pause.wake());
  link.subscribe(subjects.pushedSnapshot, (data) => void take(data).then(readAgain));
  link.onConnect(() => pause.wake());
  let readAt = clock.monotonic();
  let alarmAt = clock.monotonic();
  while (!signal.aborted) {
    const offered = await readStream(options, take);
    if (isReading(offered)) readAt = clock.monotonic();
    const patience = registry.current() ? (options.fallbackAfterMs ?? FALLBACK_AFTER_MS) : IMPATIENT_MS;
    const overdue = clock.monotonic() - readAt >= patience;
    if (overdue) await askControlPlane(options, signal);
    if (clock.monotonic() >= alarmAt && alarmIfAgeing(options)) alarmAt = clock.monotonic() + ALARM_EVERY_MS;
    // a part that is late comes within moments; one that is lost must not have HTTPS asked every second
    const soon = offered === 'incomplete' && !overdue;
    await pause.wait(soon ? INCOMPLETE_RETRY_MS : untilNextPoll(offered, patience), signal);
  }
}

/** Only what is in force now, or was already, is news of the stream: a forged, corrupt or partly lost document tells nothing. */
const isReading = (offered: Offered | undefined): boolean => offered === 'applied' || offered === 'known';

const untilNextPoll = (offered: Offered | undefined, patience: number): number => {
  const poll = isReading(offered) ? POLL_MS : Math.min(POLL_MS, patience);
  return poll * (5 / 6 + Math.random() / 3);
};

/** From half of its allowed age on a person must know; past all of it nothing is served. */
function alarmIfAgeing({ registry, clock, log }: FollowOptions): boolean {
  const applied = registry.applied();
  const age = applied ? clock.now() - applied.issuedAt : 0;
  if (!applied || age < applied.maxStalenessMs / 2) return false;
  const fields = { alarm: 'snapshot', revision: applied.revision, ageMs: age, maxStalenessMs: applied.maxStalenessMs };
  const late = age >= applied.maxStalenessMs;
  log.error(
    fields,
    late ? 'the snapshot is too old: calls are refused' : 'the snapshot is getting old: calls will be refused',
  );
  return true;
}

/** Undefined where the stream could not be read, or holds nothing for us. */
async function readStream(
  { link, identity, log }: FollowOptions,
  take: (data: Uint8Array) => Promise<Offered>,
): Promise<Offered | undefined> {
  const self = identity.current();
  if (!self || !link.connected) return undefined;
  try {
    const value = await lastValue(link, subjects.snapshot(self.gateway));
    return value && (await take(value));
  } catch (error) {
    if (!(error instanceof NatsAway))
      log.error({ err: error, alarm: 'snapshot' }, 'the snapshot could not be read from NATS');
    return undefined;
  }
}

/** 204: nothing newer than what is in force. */
async function askControlPlane(options: FollowOptions, signal: AbortSignal): Promise<void> {
  const { identity, registry, controlPlane, log } = options;
  const self = identity.current();
  if (!self) return;
  const after = registry.applied()?.revision ?? 0;
  const ask = { method: 'GET', path: `/api/v1/gateways/self/snapshot?after=${after}`, signal } as const;
  try {
    const { status, text } = await askInMesh(controlPlane, self, ask);
    if (status === 200) await registry.offer(text.trim(), 'HTTPS');
    else if (status !== 204) log.warn({ status }, 'the control plane gave no snapshot over HTTPS');
  } catch (error) {
    if (!signal.aborted)
      log.warn({ err: error }, 'neither NATS nor the control plane can be reached; the last snapshot stays in force');
  }
}
