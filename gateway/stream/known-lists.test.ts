import { compileGrants, filterAnswer } from '@portolan/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KnownLists } from './known-lists.ts';

const grantsOf = (...tools: readonly string[]) =>
  compileGrants([
    {
      id: 'g',
      effect: 'allow',
      principal: { kind: 'user', name: 'bob' },
      server: 's',
      everything: false,
      tools: [...tools],
      prompts: [],
      resources: [],
    },
  ]);
const list = (id: unknown, more: object = {}, count = 300): Buffer =>
  Buffer.from(
    JSON.stringify({
      id,
      result: { tools: Array.from({ length: count }, (_, i) => ({ name: `t${i}`, description: 'x'.repeat(90) })) },
      ...more,
    }),
  );
const asker = (grants: ReturnType<typeof grantsOf>, id: unknown) => ({
  grants,
  server: 's',
  idBytes: JSON.stringify(id),
});
function remember(known: KnownLists, json: Buffer, grants: ReturnType<typeof grantsOf>): void {
  const found = filterAnswer(json, grants, 's');
  if (found.kind === 'unreadable') throw new Error('unreadable');
  known.keep(json, found, asker(grants, 1));
}

test('what is known is what the filter would say, whatever the id and wherever it stands', () => {
  const ids = fc.oneof(fc.string(), fc.integer());
  fc.assert(
    fc.property(ids, ids, fc.boolean(), fc.constantFrom('*', 't1*', 'x'), (first, second, behind, glob) => {
      const known = new KnownLists();
      const grants = grantsOf(glob);
      const answer = (id: unknown): Buffer => (behind ? list(undefined, { id }) : list(id));
      remember(known, answer(first), grants);
      const json = answer(second);
      const filtered = filterAnswer(json, grants, 's');
      const expected = filtered.kind === 'filtered' ? filtered.bytes : json;
      const found = known.find(json, asker(grants, second));
      expect(found?.equals(expected)).toBe(true);
    }),
  );
});

test('another rule, another server, another byte, another id than was asked for: not known', () => {
  const known = new KnownLists();
  remember(known, list(1), grantsOf('t1*'));
  const other = list(1);
  other[other.length - 20] = 0x79;
  for (const [json, who] of [
    [list(1), asker(grantsOf('t2*'), 1)],
    [list(1), { ...asker(grantsOf('t1*'), 1), server: 'r' }],
    [other, asker(grantsOf('t1*'), 1)],
    [list(2), asker(grantsOf('t1*'), 1)],
    [list(1), { ...asker(grantsOf('t1*'), 1), idBytes: undefined }],
    [list(1, {}, 301), asker(grantsOf('t1*'), 1)],
  ] as const) {
    expect(known.find(json, who)).toBeUndefined();
  }
  expect(known.find(list(1), asker(grantsOf('t1*'), 1))).toBeDefined(); // by value: the next snapshot says it anew
});

test('remembers 32 MiB at most, and of one server under the same rules eight lists; the least used goes first', () => {
  const known = new KnownLists();
  const big = (n: number) => list(1, { n }, 20_000); // 2.4 MB, and as much again of what is left of it
  const rules = (n: number) => grantsOf('*', `n${n}`, `only${n}`);
  const allow = (n: number) => grantsOf('t*', `n${n}`);
  remember(known, big(0), allow(0));
  for (let n = 1; n < 13; n += 1) {
    remember(known, big(n), allow(n));
    expect(known.find(big(0), asker(allow(0), 1))).toBeDefined(); // used each time
  }
  remember(known, big(13), allow(13));
  expect(known.find(big(1), asker(allow(1), 1))).toBeUndefined();
  const many = new KnownLists();
  for (let n = 0; n < 9; n += 1) remember(many, list(1, { n }), rules(0));
  expect(many.find(list(1, { n: 0 }), asker(rules(0), 1))).toBeUndefined();
  expect(many.find(list(1, { n: 8 }), asker(rules(0), 1))).toBeDefined();
});

test('rules count, too, however short the list beside them is', () => {
  const known = new KnownLists();
  const long = (n: number) => grantsOf('t*', ...Array.from({ length: 64 }, (_, i) => `${n}-${i}-`.padEnd(65_536, 'x')));
  for (let n = 0; n < 9; n += 1) remember(known, list(1), long(n));
  expect(known.find(list(1), asker(long(0), 1))).toBeUndefined();
  expect(known.find(list(1), asker(long(8), 1))).toBeDefined();
});

test('short lists are not remembered, nor is a page that was skipped', () => {
  const known = new KnownLists();
  const skipped = Buffer.from(
    JSON.stringify({ id: 1, result: { nextCursor: 'c', tools: [{ name: 'y'.repeat(20_000) }] } }),
  );
  for (const json of [list(1, {}, 10), skipped]) {
    remember(known, json, grantsOf('t1*'));
    expect(known.find(json, asker(grantsOf('t1*'), 1))).toBeUndefined();
  }
});

test("a list with a sealed handle of its caller's in it is not remembered; the same list without one is", () => {
  const grants = grantsOf('t1*');
  const sealedFor = (name: string) => () => `sealed-for-${name}`;
  const remembered = (result: object) => {
    const known = new KnownLists();
    const json = Buffer.from(String(list(1)).replace('"result":{', `"result":${JSON.stringify(result).slice(0, -1)},`));
    const found = filterAnswer(json, grants, 's', sealedFor('alice'));
    if (found.kind !== 'filtered') throw new Error(found.kind);
    expect(found.bytes.includes('sealed-for-alice')).toBe(!('other' in result));
    known.keep(json, found, asker(grants, 1));
    return known.find(json, asker(grants, 1)) !== undefined;
  };
  const task = { taskId: 't' };
  expect(remembered({ other: 't' })).toBe(true);
  for (const personal of [
    task,
    { task },
    { tasks: [task] },
    { requestState: 's' },
    { _meta: { 'io.modelcontextprotocol/related-task': task } },
  ])
    expect({ personal, remembered: remembered(personal) }).toEqual({ personal, remembered: false });
});
