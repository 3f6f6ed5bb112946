import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { childTrace, continueTrace, newTrace, readTraceparent, writeTraceparent } from './traceparent.ts';

const random = { take: (count: number): string => randomBytes(count / 2).toString('hex') };
const VALID = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('what is written is read again', () => {
  for (let i = 0; i < 1_000; i += 1) {
    const trace = newTrace(random);
    expect(readTraceparent(writeTraceparent(trace))).toEqual(trace);
  }
});

test('a child stays in the trace, with a span of its own and the same sampling', () => {
  const parent = readTraceparent(VALID);
  if (!parent) throw new Error('unreadable');
  const child = childTrace(parent, random);
  expect(child.traceId).toBe('0af7651916cd43dd8448eb211c80319c');
  expect(child.parentId).not.toBe(parent.parentId);
  expect(writeTraceparent(child)).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
  expect(childTrace({ ...parent, flags: 0xfe }, random).flags).toBe(0);
});

test.each([
  ['upper case', VALID.toUpperCase()],
  ['version ff', `ff${VALID.slice(2)}`],
  ['a zero trace id', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
  ['a zero parent id', `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`],
  ['version 00 with more fields', `${VALID}-extra`],
  ['too short', VALID.slice(0, -1)],
  ['a line break', `${VALID}\n`],
  ['nothing', ''],
])('%s is as good as absent', (_, text) => {
  expect(readTraceparent(text)).toBeUndefined();
});

test('a later version is read by its first four fields', () => {
  expect(readTraceparent(`cc${VALID.slice(2)}-what-the-future-holds`)?.traceId).toBe(
    '0af7651916cd43dd8448eb211c80319c',
  );
});

test('the first valid candidate is continued; without one a trace begins', () => {
  expect(continueTrace(random, undefined, 'junk', VALID).traceId).toBe('0af7651916cd43dd8448eb211c80319c');
  expect(continueTrace(random, 'junk').traceId).toMatch(/^[0-9a-f]{32}$/);
});

test('no text makes it throw', () => {
  fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => void readTraceparent(text)));
});
