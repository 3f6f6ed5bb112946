/** What counts as lost on a way, and what the baseline may hold. */
import { expect, test } from 'vitest';
import { judge, readBaseline } from './baseline.ts';
import type { Check } from './checks.ts';
import { count, losses } from './compare.ts';
import { readOptions } from './options.ts';
import { runs } from './runs.ts';

const checks = (statuses: Readonly<Record<string, string>>): Check[] =>
  Object.entries(statuses).map(([key, status]) => ({ key, status, error: undefined }));

test.each([
  ['a failure', 'SUCCESS', 'FAILURE', true],
  ['a warning', 'SUCCESS', 'WARNING', true],
  ['a check that was skipped', 'SUCCESS', 'SKIPPED', true],
  ['what fails directly, too', 'FAILURE', 'FAILURE', false],
  ['what only the way passes', 'FAILURE', 'SUCCESS', false],
  ['what is no verdict', 'INFO', 'INFO', false],
  ['a failure where there was no verdict', 'INFO', 'FAILURE', true],
])('%s is lost: %s, %s, %s', (_, direct, through, lost) => {
  expect(losses(checks({ a: direct }), checks({ a: through })).length > 0).toBe(lost);
});

test('a check that is absent on the way is lost, and a failure that is there alone', () => {
  expect(losses(checks({ a: 'SUCCESS' }), checks({ b: 'FAILURE' }))).toEqual([
    { key: 'a', status: 'absent', error: undefined },
    { key: 'b', status: 'FAILURE', error: undefined },
  ]);
});

test('warnings count as failures', () => {
  expect(count(checks({ a: 'SUCCESS', b: 'WARNING', c: 'FAILURE', d: 'INFO' }))).toEqual({ passed: 1, failed: 2 });
});

test('the baseline excuses what it names, and must not name what is not lost', () => {
  const lost = { run: 'r', way: 'one', check: 'a' } as const;
  const known = { ...lost, why: 'because' };
  const other = { ...known, check: 'b' };
  expect(judge([lost], [], () => true)).toEqual({ unknown: [lost], stale: [] });
  expect(judge([lost], [known], () => true)).toEqual({ unknown: [], stale: [] });
  expect(judge([lost], [known, other], () => true)).toEqual({ unknown: [], stale: [other] });
  expect(judge([], [known], () => false)).toEqual({ unknown: [], stale: [] });
});

test('baseline.json names runs that there are', () => {
  const names = runs.map(({ name }) => name);
  expect(readBaseline().filter(({ run }) => !names.includes(run))).toEqual([]);
});

test('the direct way is always there, because the others are compared with it', () => {
  expect(readOptions([]).ways).toEqual(['direct', 'one', 'two']);
  expect(readOptions(['--way', 'two']).ways).toEqual(['direct', 'two']);
  expect(() => readOptions(['--way', 'three'])).toThrow('expected direct, one or two');
  expect(() => readOptions(['--upstream', 'file:///etc'])).toThrow('expected the http(s) URL');
});
