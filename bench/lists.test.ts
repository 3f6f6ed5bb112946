import { expect, test } from 'vitest';
import { measureLists } from './lists.ts';

test('a list is filtered, and known again much sooner', () => {
  const { bytes, filteredMs, knownMs } = measureLists();
  expect(bytes).toBeGreaterThan(980_000);
  expect(knownMs).toBeLessThan(filteredMs / 2);
});
