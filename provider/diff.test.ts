import fc from 'fast-check';
import { expect, test } from 'vitest';
import { differences } from './diff.ts';
import { unknown } from './wire.ts';

const bag = fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true });
const paths = (...args: Parameters<typeof differences>) =>
  differences(...args).map(({ path, change }) => `${change} ${path}`);

test('each change has its path and its kind', () => {
  const olds = { a: 1, b: { c: 'x', d: [1, 2] }, gone: true, same: { deep: [1] } };
  const news = { a: 2, b: { c: 'x', d: [1, 3, 4], 'e.f': 1 }, same: { deep: [1] } };
  expect(paths(olds, news).sort()).toEqual(['add b.d[2]', 'add b["e.f"]', 'delete gone', 'update a', 'update b.d[1]']);
});

test('an unknown is a change, null and absent are equal', () => {
  expect(paths({ a: 1, b: null }, { a: unknown })).toEqual(['update a']);
});

test('a property that makes another resource of it replaces, at any depth', () => {
  const found = differences({ name: { a: 1 }, other: 1 }, { name: { a: 2 }, other: 2 }, ['name']);
  expect(found.map(({ path, replaces }) => [path, replaces])).toEqual([
    ['name.a', true],
    ['other', false],
  ]);
});

test('nothing differs from itself; what differs one way differs the other', () => {
  fc.assert(
    fc.property(bag, (one) => {
      expect(differences(one, structuredClone(one))).toEqual([]);
    }),
  );
  fc.assert(
    fc.property(bag, bag, (one, other) => {
      const found = (left: typeof one, right: typeof one) => differences(left, right).map(({ path }) => path).sort();
      expect(found(one, other)).toEqual(found(other, one));
    }),
  ); // biome-ignore format: short
});
