import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileGlobs } from './globs.ts';

/** The definition, slow: `*` takes every possible run in turn. */
function naive(glob: string, text: string): boolean {
  if (glob === '') return text === '';
  if (glob[0] !== '*') return text !== '' && text[0] === glob[0] && naive(glob.slice(1), text.slice(1));
  return Array.from({ length: text.length + 1 }).some((_, i) => naive(glob.slice(1), text.slice(i)));
}

const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
const text = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 10 });

test('a glob matches what its definition says', () => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 3 }), text, (globs, candidate) => {
      expect(compileGlobs(globs)(candidate)).toBe(globs.some((glob) => naive(glob, candidate)));
    }),
    { numRuns: 20_000 },
  );
});

test.each([
  ['get_*', 'get_', true],
  ['get_*', 'GET_x', false],
  ['*_events', 'get_calendar_events', true],
  ['a*a', 'a', false],
  ['docs://*/public', 'docs://team/public', true],
  ['a.c', 'abc', false],
  ['[ab]', 'a', false],
  ['*', '', true],
])('%s on %j: %s', (glob, candidate, expected) => {
  expect(compileGlobs([glob])(candidate)).toBe(expected);
});

test('no glob matches nothing', () => {
  expect(compileGlobs([])('')).toBe(false);
});

test('the worst pattern costs microseconds, not minutes', () => {
  const matches = compileGlobs([`${'a*'.repeat(250)}b`]);
  const start = process.cpuUsage();
  expect(matches('a'.repeat(50_000))).toBe(false);
  expect(process.cpuUsage(start).user / 1_000).toBeLessThan(500);
});
