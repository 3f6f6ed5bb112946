import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gather } from './gather.ts';
import { HeldBytes } from './held-bytes.ts';
import { SseRewriter } from './sse.ts';

test('gives back what it got, in order, and leaves the chunks as they were', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.uint8Array({ maxLength: 20 }))), (rounds) => {
      const held = new HeldBytes();
      for (const round of rounds) {
        const chunks = round.map((bytes) => Buffer.from(bytes));
        for (const chunk of chunks) held.add(chunk);
        expect(held.size).toBe(Buffer.concat(round).length);
        expect(held.take().equals(Buffer.concat(round))).toBe(true);
        expect(chunks.map((chunk) => [...chunk])).toEqual(round.map((bytes) => [...bytes]));
      }
    }),
  );
});

const MEGABYTE = 1_048_576;

test('a megabyte that comes byte by byte holds megabytes, not an object a byte', async () => {
  const x = () => Buffer.from('x');
  const held = async (hold: () => unknown): Promise<number> => {
    global.gc?.();
    const before = process.memoryUsage();
    const kept = await hold();
    global.gc?.();
    const after = process.memoryUsage();
    expect(kept).toBeDefined();
    return after.heapUsed + after.external - before.heapUsed - before.external;
  };
  async function* bytes() {
    for (let i = 0; i < MEGABYTE; i += 1) yield x();
  }
  const sse = new SseRewriter(() => undefined, 2 * MEGABYTE);
  const filled = () => {
    for (let i = 0; i < MEGABYTE; i += 1) sse.take(x());
    return sse;
  };
  expect(await held(filled)).toBeLessThan(30 * MEGABYTE);
  expect(await held(() => gather(bytes(), 2 * MEGABYTE))).toBeLessThan(30 * MEGABYTE);
});
