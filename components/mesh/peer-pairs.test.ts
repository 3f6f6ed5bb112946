import fc from 'fast-check';
import { expect, test } from 'vitest';
import { peerPairs } from './peer-pairs.ts';

const members = fc.array(fc.string());
const matrix = (names: readonly string[]) => {
  const pairs = peerPairs(names);
  return (from: string, to: string): boolean =>
    pairs.some(([first, second]) => (first === from && second === to) || (first === to && second === from));
};

test('symmetric, irreflexive, and complete', () => {
  fc.assert(
    fc.property(members, (names) => {
      const mayCall = matrix(names);
      for (const from of names) {
        for (const to of names) {
          expect(mayCall(from, to)).toBe(from !== to);
          expect(mayCall(from, to)).toBe(mayCall(to, from));
        }
      }
    }),
  );
});

test('each pair once, and nobody who was not named', () => {
  fc.assert(
    fc.property(members, (names) => {
      const pairs = peerPairs(names);
      const different = new Set(names).size;
      expect(pairs).toHaveLength((different * (different - 1)) / 2);
      expect(new Set(pairs.map((pair) => JSON.stringify([...pair].sort())))).toHaveProperty('size', pairs.length);
      expect(pairs.flat().every((name) => names.includes(name))).toBe(true);
    }),
  );
});
