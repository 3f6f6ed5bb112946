import { expect, test } from 'vitest';
import { parsePsLine, parseStat } from './process-table.ts';

const stat = (state: string, threads: number) =>
  `4711 (a ) b (c) ${state} 1 4700 4699 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 ${threads} 0 98765 0 0`;

test('a name with blanks and brackets shifts nothing', () => {
  expect(parseStat(stat('S', 1))).toEqual({
    pid: 4711,
    group: 4700,
    session: 4699,
    startTime: '98765',
    isEnding: false,
  });
});

test('a zombie has ended', () => {
  expect(parseStat(stat('Z', 1))).toBeUndefined();
});

test('a zombie whose threads still run has not: they hold its ports', () => {
  expect(parseStat(stat('Z', 7))).toMatchObject({ pid: 4711, isEnding: true });
});

test('a line of ps on macOS', () => {
  expect(parsePsLine('  123   120 Ss   Fri Nov 21 12:42:00 2025    ')).toEqual([
    { pid: 123, group: 120, startTime: 'Fri Nov 21 12:42:00 2025', isEnding: false },
  ]);
  expect(parsePsLine('  123   120 Z    Fri Nov 21 12:42:00 2025')).toEqual([]);
});
