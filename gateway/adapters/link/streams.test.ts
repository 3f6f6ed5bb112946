/** Numbers of streams: against a Map, in any order of opening and ending. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Breach } from './frames.ts';
import { Streams } from './streams.ts';

test('what is under way is found, what is over is not, however places are used again', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30)), (steps) => {
      const [ours, theirs] = [new Streams<object>(true), new Streams<object>(false)];
      const model = new Map<number, object>();
      const over: number[] = [];
      for (const step of steps) {
        const old = [...model.keys()][step];
        if (old === undefined) {
          const number = ours.next() ?? 0;
          expect(over.slice(-1000)).not.toContain(number);
          expect([ours.isOurs(number), theirs.isOurs(number), number > 0]).toEqual([true, false, true]);
          theirs.checkFree(number);
          const stream = {};
          for (const side of [ours, theirs]) side.set(number, stream);
          model.set(number, stream);
        } else {
          for (const side of [ours, theirs]) side.delete(old);
          model.delete(old);
          over.push(old);
        }
        for (const side of [ours, theirs]) {
          expect(side.size).toBe(model.size);
          expect(new Set(side.all())).toEqual(new Set(model.values()));
          for (const [number, stream] of model) expect(side.get(number)).toBe(stream);
          for (const number of over) expect(side.get(number)).toBeUndefined();
        }
      }
    }),
  );
});

test('16,384 at once, no more; a place counts its uses and begins again', () => {
  const streams = new Streams<object>(true);
  const numbers = Array.from({ length: 16_384 }, () => {
    const number = streams.next() ?? 0;
    streams.set(number, {});
    return number;
  });
  expect(new Set(numbers).size).toBe(16_384);
  expect(streams.next()).toBeUndefined();
  const [first = 0] = numbers;
  let number = first;
  for (let uses = 0; uses < 2 ** 17; uses += 1) {
    streams.delete(number);
    number = streams.next() ?? 0;
    expect(number > 0 && number < 2 ** 32).toBe(true);
    streams.set(number, {});
  }
  expect(number).toBe(first);
});

test('nobody opens a stream in the place of one that is under way', () => {
  const streams = new Streams<object>(false);
  streams.set(2 ** 15 + 1, {});
  expect(() => streams.checkFree(2 * 2 ** 15 + 1)).toThrow(Breach);
  streams.delete(2 ** 15 + 1);
  streams.checkFree(2 * 2 ** 15 + 1);
  expect(() => streams.checkFree(2 ** 15 + 1)).toThrow(Breach);
  streams.checkOver(2 ** 15 + 1);
  expect(() => streams.checkOver(3)).toThrow(Breach);
});
