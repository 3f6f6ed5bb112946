/** Properties as the policy SDK hands them over: reading an unknown throws, at any depth. */
import { unknownCheckingProxy } from '@pulumi/policy';
import { expect, test } from 'vitest';
import { notYetKnown } from '../components/rules/index.ts';
import { readProperties } from './read-properties.ts';

const unknown = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

test('unknowns are named, wherever they stand, and everything else is as it was', () => {
  const given = { a: unknown, b: [1, unknown, { c: unknown, d: null }], e: { f: 'x', g: [] }, h: false };
  expect(() => JSON.stringify(unknownCheckingProxy(given))).toThrow(/can't be known/);
  expect(readProperties(unknownCheckingProxy(given))).toEqual({
    a: notYetKnown,
    b: [1, notYetKnown, { c: notYetKnown, d: null }],
    e: { f: 'x', g: [] },
    h: false,
  });
});
