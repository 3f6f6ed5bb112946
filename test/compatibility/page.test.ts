/** The page says of each cell what was seen: no cell is "ok" that was not, and what was not run says why. */
import { expect, test } from 'vitest';
import type { Action } from './actions.ts';
import { type Cell, type Outcome, verdict } from './matrix.ts';
import { page } from './page.ts';

const ok = (how: string): Outcome => ({ ok: true, how });
const failed = (why: string): Outcome => ({ ok: false, why });
const cell = (action: Action, directly: Outcome, through: Outcome): Cell => ({
  server: 'harbour',
  client: 'ship',
  action,
  directly,
  through,
});

const cells = [
  cell('initialise', ok('2025-11-25'), ok('2025-11-25')),
  cell('list', ok('3 tools'), ok('2 tools')),
  cell('call', ok('answered'), failed('no answer')),
  cell('stream', failed('refused at 127.0.0.1:4711'), failed('refused at 127.0.0.1:4712')),
  cell('progress', failed('307'), ok('progress')),
  cell('cancel', ok('notified'), ok('notified')),
];

test('what passes directly and not, or otherwise, through two gateways is lost', () => {
  expect(cells.map(verdict)).toEqual(['ok', 'lost', 'lost', 'cannot', 'ok', 'ok']);
});

test('each cell says what was seen', () => {
  const text = page({
    date: '2026-11-30',
    seconds: 600,
    servers: [{ name: 'harbour', version: '1' }],
    clients: [
      { name: 'ship', version: '2' },
      { name: 'raft', version: '3', absent: 'there is no wood' },
    ],
    cells,
  });
  expect(text).toContain(
    '| ship | 2025-11-25 | ok | **lost** (1) | **lost** (2) | cannot (3) | ok (4) | not run | not run | ok (5) | not run |',
  );
  expect(text).toContain(`| raft |  |${' not run (6) |'.repeat(9)}`);
  expect(text).toContain('1. Directly: `3 tools`. Through: `2 tools`\n');
  expect(text).toContain('3. Directly: `refused at 127.0.0.1`\n');
  expect(text).toContain('6. there is no wood\n');
  expect(text).toContain('3 pass, 1 are beyond client or server, 2 are lost');
});
