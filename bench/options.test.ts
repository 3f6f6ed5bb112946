import { expect, test } from 'vitest';
import { readOptions } from './options.ts';

test('nothing given means the run of the issue: 64 connections, 200 changes, a stack of its own', () => {
  expect(readOptions([])).toMatchObject({
    connections: 64,
    changes: 200,
    stack: undefined,
    portBase: 19_600,
    gateways: true,
  });
});

test.each([
  [['--calls', '0'], /--calls 0: expected a whole number from 1/],
  [['--rounds', 'many'], /--rounds many/],
  [['--era', 'next'], /expected modern or legacy/],
  [['--wat'], /--wat/],
])('refuses %j by name', (args, reason) => {
  expect(() => readOptions(args)).toThrow(reason);
});
