import { expect, test } from 'vitest';
import { verdicts } from './goals.ts';
import type { Measured } from './measure.ts';
import { percentiles } from './percentiles.ts';
import { aligned, sentence } from './report.ts';

const measured = (name: Measured['name'], cpu: number, resident: Record<string, number> = {}): Measured => ({
  name,
  calls: 1,
  failed: 0,
  firstFailure: undefined,
  callsPerSecond: 1,
  latencyMs: percentiles([1]),
  cpu,
  cpuByRound: [cpu],
  cpuByProcess: {},
  residentBytes: resident,
});
const streams = {
  count: 5,
  failed: 0,
  firstFailure: undefined,
  plainBytes: 50e3,
  tlsBytes: 111e3,
  slowReaderBytes: 1e6,
};
const lists = { bytes: 1e6, filteredMs: 10, knownMs: 2.1 };
const changes = { count: 200, lost: 0, gateways: [], ms: percentiles([100, 300]) };

test('goals are judged against nginx of the same run', () => {
  const all = [
    measured('nginx', 0.5),
    measured('one gateway', 2, { 'gateway-aws': 120e6 }),
    measured('two gateways', 4.6, { 'gateway-aws': 120e6, 'gateway-azure': 151e6 }),
  ];
  expect(verdicts({ measured: all, changes, streams, lists }).map(({ value, reached }) => [value, reached])).toEqual([
    [4, true],
    [9.2, false],
    [151, false],
    [300, false],
    [50, true],
    [111, false],
    [1, true],
    [10, true],
    [2.1, false],
  ]);
});

test('what was not measured is neither reached nor missed', () => {
  const found = verdicts({
    measured: [measured('one gateway', 3, { a: 1e6 })],
    changes: undefined,
    streams: undefined,
    lists: undefined,
  });
  const nothing = Array(5).fill(undefined);
  expect(found.map(({ reached }) => reached)).toEqual([undefined, undefined, true, undefined, ...nothing]);
  expect(found.map(sentence)[0]).toBe('not measured  CPU per call, one hop (goal ≤ 4 × nginx)');
});

test('percentiles are nearest ranks', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(percentiles(values)).toEqual({ p50: 100, p90: 180, p99: 198, max: 200 });
  expect(percentiles([])).toMatchObject({ p50: Number.NaN });
});

test('columns stand under each other', () => {
  expect(
    aligned([
      ['', 'calls'],
      ['direct', '1'],
    ]),
  ).toEqual(['        calls', 'direct      1']);
});
