import type { NatsConnection } from '@nats-io/transport-node';
import { GatewayReport, subjects } from '@portolan/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lastValue } from '../nats/last-value.ts';
import { FEDERATION, GATEWAY } from '../stand-in/control-plane.ts';
import { Enrolled } from '../stand-in/enrolled.ts';
import { systemClock } from '../system-clock.ts';
import { followSnapshot } from './follow-snapshot.ts';
import { report } from './report.ts';
import { SnapshotRegistry } from './snapshot-registry.ts';

let own: Enrolled;
let registry: SnapshotRegistry;
beforeEach(async () => {
  own = await Enrolled.begin();
  const { plane, link, identity, log, folder } = own;
  registry = new SnapshotRegistry({
    folder,
    audience: () => ({ federation: FEDERATION, gateway: GATEWAY, meshRootSha256: 'm1' }),
    keys: () => [plane.snapshotKey],
    fetchPart: (sha256) => lastValue(link, subjects.snapshotPart(GATEWAY, sha256)),
    clock: systemClock,
    log,
  });
  const controlPlane = { url: plane.url, caFile: plane.caFile };
  own.run((signal) =>
    followSnapshot({ link, registry, identity, controlPlane, clock: systemClock, log, fallbackAfterMs: 1500 }, signal),
  );
  own.run((signal) =>
    report(
      {
        link,
        registry,
        identity,
        replica: 'r1',
        version: '1',
        spool: () => ({ bytes: 1, records: 2, dropped: 3 }),
        counters: () => ({ 'a{b="c"}': 4 }),
      },
      signal,
    ),
  );
  own.run((signal) => link.run(signal));
});
afterEach(() => own.end());

const until = (condition: () => unknown, timeout = 20_000) => expect.poll(condition, { timeout, interval: 5 });
const publish = (control: NatsConnection, jws: string) =>
  control.request(subjects.snapshot(GATEWAY), jws, { timeout: 5000 });
const revision = (): number | undefined => registry.applied()?.revision;

describe('following the snapshot', () => {
  test('NATS dead from the start: it comes over HTTPS; when NATS comes, pushes are applied at once and reported', async () => {
    own.plane.snapshot = await own.plane.sign({ revision: 2 });
    await until(revision).toBe(2);
    own.plane.snapshot = await own.plane.sign({ revision: 3 });
    await until(revision).toBe(3);

    const control = await own.plane.nats.start();
    const reports: GatewayReport[] = [];
    const counters: unknown[] = [];
    control.subscribe(subjects.report(GATEWAY), {
      callback: (_error, message) => void reports.push(GatewayReport.parse(message.json())),
    });
    control.subscribe(subjects.metrics(GATEWAY), { callback: (_error, message) => void counters.push(message.json()) });
    await control.flush();
    await until(() => own.link.connected).toBe(true);
    const took: number[] = [];
    for (let next = 4; next < 24; next += 1) {
      const jws = await own.plane.sign({ revision: next });
      const begun = performance.now();
      await publish(control, jws);
      await until(revision).toBe(next);
      took.push(performance.now() - begun);
    }
    expect(Math.max(...took)).toBeLessThan(1000);
    await until(() => reports.at(-1)?.appliedRevision).toBe(23);
    expect(reports.at(-1)).toMatchObject({
      gateway: 'aws',
      replica: 'r1',
      digest: registry.applied()?.digest,
      spool: { bytes: 1, records: 2, dropped: 3 },
    });
    expect(counters[0]).toEqual({ replica: 'r1', counters: { 'a{b="c"}': 4 } });
  });

  test('what was published while it was away is read at the connect, also from a store that was wiped and counts anew', async () => {
    const control = await own.plane.nats.start();
    for (let next = 1; next < 30; next += 1) await publish(control, await own.plane.sign({ revision: next }));
    await until(revision).toBe(29);
    await own.plane.nats.kill();
    await own.plane.nats.wipe();
    const again = await own.plane.nats.start();
    await publish(again, await own.plane.sign({ revision: 30 }));
    await until(revision).toBe(30);
  });

  test('a corrupt value and a foreign one are never applied; the next good one is', async () => {
    const control = await own.plane.nats.start();
    await publish(control, await own.plane.sign({ revision: 5 }));
    await until(revision).toBe(5);
    await publish(control, (await own.plane.sign({ revision: 6 })).replace(/.$/, '!'));
    await publish(control, await own.plane.sign({ revision: 7, gateway: 'azure' }));
    // each is refused where it is pushed, and perhaps once more where it is read at a connect
    await until(() => own.lines.filter((line) => /snapshot refused/.test(line)).length).toBeGreaterThanOrEqual(2);
    expect(revision()).toBe(5);
    await publish(control, await own.plane.sign({ revision: 8 }));
    await until(revision).toBe(8);
  });

  test.each([
    ['in parts that the stream has lost', { tables: undefined as never, parts: [{ sha256: 'a'.repeat(64), size: 9 }] }],
    ['of a form that we cannot read', { tables: { peers: 'none' } as never }],
  ])('NATS holds a document %s: it comes over HTTPS', async (_what, damage) => {
    const control = await own.plane.nats.start();
    own.plane.snapshot = await own.plane.sign({ revision: 5 });
    await publish(control, own.plane.snapshot);
    await until(revision).toBe(5);
    await publish(control, await own.plane.sign({ revision: 6, ...damage }));
    own.plane.snapshot = await own.plane.sign({ revision: 6 });
    await until(revision).toBe(6);
    expect(own.link.connected).toBe(true);
  });
});
