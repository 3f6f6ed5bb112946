// The options of the scripts: what is read, and what is refused before anything is installed.

import { expect, test } from 'vitest';
import { BadOptions, readOptions } from './options.mjs';
import { defaultPortBase, highestPortBase, lowestPortBase } from './port-range.mjs';
import { scripts } from './scripts.mjs';

const read = (...args: string[]) => readOptions('up', args, {});

test('the stack is --stack, else PORTOLAN_STACK, else local', () => {
  expect(read().stack).toBe('local');
  expect(read('--stack', 'demo').stack).toBe('demo');
  expect(readOptions('up', [], { PORTOLAN_STACK: 'other' }).stack).toBe('other');
});

test.each([
  ['up', ['--colour', 'blue'], /--colour/],
  ['up', ['--stack'], /--stack/],
  ['up', ['demo'], /unexpected "demo"/],
  ['restart', [], /expected the name of a process/],
  ['restart', ['nats', 'postgres'], /unexpected "postgres"/],
  ['check', ['--quick'], /--quick/],
])('%s %j is refused, naming it and the help', (script, args, message) => {
  const refused = () => readOptions(script, args, {});
  expect(refused).toThrow(BadOptions);
  expect(refused).toThrow(message);
  expect(refused).toThrow(/--help/);
});

test.each(['Not A Name', '', 'a/b', '-x'])('stack name "%s" is refused with what was expected', (name) => {
  expect(() => read(`--stack=${name}`)).toThrow(/expected a lower-case letter/);
  if (name !== '') expect(() => readOptions('down', [], { PORTOLAN_STACK: name })).toThrow(BadOptions);
});

test.each(['abc', '80', '70000', '65500', '-1', '1e4', ''])(
  '--port-base "%s" is refused with what was expected',
  (value) => {
    expect(() => read(`--port-base=${value}`)).toThrow(/expected a whole number from 1024 to 65436/);
  },
);

test('the help names the ports that are taken', () => {
  expect(scripts.up?.usage).toContain(`${lowestPortBase}..${highestPortBase} (default: ${defaultPortBase},`);
});

test('--port-base is a number or absent; a flag is given or not; a word is the one that is expected', () => {
  expect(read('--port-base', '19400').portBase).toBe(19_400);
  expect(read().portBase).toBeUndefined();
  expect(read('--verbose').flag('verbose')).toBe(true);
  expect(read().flag('verbose')).toBe(false);
  expect(readOptions('restart', ['nats'], {}).word).toBe('nats');
});

test.each([
  [{ npm_config_stack: 'true' }, ['foo'], '--stack', 'npm run up -- --stack NAME'],
  [
    { npm_config_stack: 'foo', npm_config_port_base: '19400' },
    [],
    '--stack and --port-base',
    '--stack NAME --port-base N',
  ],
])('options that npm kept for itself are missed: %j', (variables, args, named, meant) => {
  const env = { npm_lifecycle_event: 'up', ...variables };
  expect(() => readOptions('up', args, env)).toThrow(`npm took ${named} for itself`);
  expect(() => readOptions('up', args, env)).toThrow(meant);
  expect(readOptions('up', ['--stack', 'a', '--port-base=19400'], env).stack).toBe('a');
  expect(readOptions('up', [], { ...variables, npm_lifecycle_event: 'test' }).stack).toBe('local');
});
