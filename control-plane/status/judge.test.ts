/** What a gateway's status says of its replicas' reports. */
import { expect, test } from 'vitest';
import { judge, type ReplicaState, SILENT_AFTER_MS } from './judge.ts';

const NOW = 1_000_000;
const published = new Map([
  [4, 'four'],
  [5, 'five'],
]);

const replica = (appliedRevision: number, digest: string, ageMs = 0): ReplicaState => ({
  reportedAt: NOW - ageMs,
  certificateNotAfter: NOW + 1_000 + ageMs,
  report: {
    gateway: 'aws',
    replica: 'r',
    version: '0',
    appliedRevision,
    digest,
    appliedAt: 0,
    certificateNotAfter: NOW + 1_000,
    spool: { bytes: 10, records: 1, dropped: 0 },
  },
});

test('nobody has enrolled', () => {
  expect(judge([], published, NOW)).toEqual({
    enrolled: false,
    connected: false,
    revision: 5,
    appliedRevision: null,
    lag: null,
    drift: null,
    lastReportAt: null,
    certificateNotAfter: null,
    spool: null,
  });
});

test('enrolled, but not a word yet', () => {
  const silent = { reportedAt: undefined, report: undefined, certificateNotAfter: NOW };
  expect(judge([silent], published, NOW)).toMatchObject({
    enrolled: true,
    connected: false,
    lag: null,
    drift: null,
    certificateNotAfter: new Date(NOW).toISOString(),
  });
});

test('up to date', () => {
  expect(judge([replica(5, 'five')], published, NOW)).toMatchObject({
    connected: true,
    revision: 5,
    appliedRevision: 5,
    lag: 0,
    drift: false,
  });
});

test('the slowest replica is the lag, the sum the spool; one that fell silent long ago counts no more', () => {
  const state = judge([replica(5, 'five'), replica(4, 'four'), replica(1, 'one', SILENT_AFTER_MS + 1)], published, NOW);
  expect(state).toMatchObject({ appliedRevision: 4, lag: 1, drift: false, spool: { bytes: 20, records: 2 } });
});

test('all silent: the one that spoke last, not connected', () => {
  const state = judge([replica(4, 'four', SILENT_AFTER_MS + 1), replica(3, 'x', SILENT_AFTER_MS + 2)], published, NOW);
  expect(state).toMatchObject({ connected: false, appliedRevision: 4, lag: 1 });
});

test('another digest is drift; a revision that we no longer have is not known', () => {
  expect(judge([replica(5, 'other')], published, NOW).drift).toBe(true);
  expect(judge([replica(5, 'five'), replica(4, 'other')], published, NOW).drift).toBe(true);
  expect(judge([replica(1, 'one')], published, NOW).drift).toBeNull();
});
