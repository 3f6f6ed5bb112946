import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { collect } from './collect.ts';

const tooLarge = (): Error => new Error('too large');
const cap = { maxBytes: 10, tooLarge };

test('the bytes, whatever the chunks', async () => {
  expect(String(await collect(Readable.from([Buffer.from('ab'), Buffer.from('cd')]), cap))).toBe('abcd');
  expect(await collect(Readable.from([]), cap)).toHaveLength(0);
});

test('up to the cap, and not one byte more', async () => {
  expect(await collect(Readable.from([Buffer.alloc(10)]), cap)).toHaveLength(10);
  const source = new PassThrough();
  const over = collect(source, cap);
  source.write(Buffer.alloc(6));
  source.write(Buffer.alloc(5));
  await expect(over).rejects.toThrow('too large');
  // the server still has to answer on this socket
  expect(source.destroyed).toBe(false);
  expect(source.isPaused()).toBe(true);
});

test('an abort ends it with its reason, before and in between', async () => {
  const source = new PassThrough();
  const controller = new AbortController();
  const waiting = collect(source, { ...cap, signal: controller.signal });
  controller.abort(new Error('left'));
  await expect(waiting).rejects.toThrow('left');
  await expect(collect(source, { ...cap, signal: controller.signal })).rejects.toThrow('left');
});

test('a body that fails or breaks off is an error', async () => {
  const failing = new PassThrough();
  const failed = collect(failing, cap);
  failing.destroy(new Error('reset'));
  await expect(failed).rejects.toThrow('reset');
  const broken = new PassThrough();
  const short = collect(broken, cap);
  broken.write('ab');
  broken.destroy();
  await expect(short).rejects.toThrow('broke off');
});

test('a body that was over before is an error, not a wait without end', async () => {
  const source = Readable.from([]);
  source.resume();
  await once(source, 'close');
  await expect(collect(source, cap)).rejects.toThrow('over before');
});
