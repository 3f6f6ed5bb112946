import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Arrival, BodySink } from '../ports.ts';
import { RequestBody } from '../request-body.ts';
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

async function* byteByByte() {
  for (let i = 0; i < MEGABYTE; i += 1) yield Buffer.from('x');
}
const noEnd = { reason: undefined, listen: () => {}, heard: () => {} };
const arrival = {
  headers: { 'content-type': 'application/json' },
  receive: async (sink: BodySink) => {
    for await (const byte of byteByByte()) sink.data(byte);
    sink.end();
  },
};

test.each<[string, () => Promise<unknown>]>([
  ['an answer', () => gather(byteByByte(), 2 * MEGABYTE)],
  ['a request', () => new RequestBody(arrival as unknown as Arrival, 2 * MEGABYTE, noEnd).read()],
  [
    'an event',
    async () => {
      const events = new SseRewriter({ data: () => undefined }, 2 * MEGABYTE);
      for await (const byte of byteByByte()) events.take(byte);
      return events;
    },
  ],
])('%s of a megabyte that comes byte by byte holds megabytes, not an object a byte', async (_what, hold) => {
  const before = process.memoryUsage();
  const held = await hold();
  const after = process.memoryUsage();
  expect(held).toBeDefined();
  expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(30 * MEGABYTE);
});
