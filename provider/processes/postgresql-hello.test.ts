import { expect, test } from 'vitest';
import { refusalOf, startupMessage } from './postgresql-hello.ts';

const error = (code: string) => Buffer.from(`E\0\0\0\x40SFATAL\0VFATAL\0C${code}\0Mwords\0\0`, 'latin1');

test('a server that recovers is not ready', () => {
  expect(refusalOf(error('57P03'))).toMatch(/recovering/);
});

test('one that asks for a password is', () => {
  expect(refusalOf(Buffer.from('R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0', 'latin1'))).toBeUndefined();
});

test('and so is one that refuses this user', () => {
  expect(refusalOf(error('28000'))).toBeUndefined();
});

test('the first message says its own length', () => {
  expect(startupMessage.readInt32BE(0)).toBe(startupMessage.length);
});
