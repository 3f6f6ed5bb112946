import { expect, test } from 'vitest';
import { Duration } from './duration.ts';

test.each([
  ['500ms', 500],
  ['90s', 90_000],
  ['15m', 900_000],
  ['24h', 86_400_000],
  ['30d', 2_592_000_000],
  ['0s', 0],
])('%s is %d ms', (text, expected) => {
  expect(Duration.parse(text)).toBe(expected);
});

test.each(['', '5', '5 s', '-5s', '1.5h', '1h30m', '5S', '1e3s', 5, null, '99999999999999d'])(
  '%j is refused',
  (text) => {
    expect(Duration.safeParse(text).success).toBe(false);
  },
);
