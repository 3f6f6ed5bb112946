import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scan } from './scan.ts';
import { spliceCursor } from './splice-cursor.ts';

const spliced = (body: string, cursor = '"\\u0041é"'): string =>
  spliceCursor(Buffer.from(body), Buffer.from(cursor)).toString();

test.each([
  ['no params', '{ "id":1}', '{"params":{"cursor":"\\u0041é"}, "id":1}'],
  ['params that are null', '{"params" : null,"id":1}', '{"params" : {"cursor":"\\u0041é"},"id":1}'],
  ['empty params', '{"params":{ },"id":1}', '{"params":{"cursor":"\\u0041é" },"id":1}'],
  ['no cursor', '{"params":{"_meta":{"cursor":"x"}}}', '{"params":{"cursor":"\\u0041é","_meta":{"cursor":"x"}}}'],
  ['a cursor', '{"params":{"a":1.0, "cursor" : "x" ,"b":2}}', '{"params":{"a":1.0, "cursor" : "\\u0041é" ,"b":2}}'],
  ['an escaped one', '{"params":{"c\\u0075rsor":"x"}}', '{"params":{"c\\u0075rsor":"\\u0041é"}}'],
])('into a request with %s', (_, before, after) => {
  expect(spliced(before)).toBe(after);
});

test('whatever the request, it stays one, and its cursor is the one that was given', () => {
  const params = fc.option(fc.dictionary(fc.oneof(fc.constant('cursor'), fc.string()), fc.jsonValue()), {
    nil: undefined,
  });
  fc.assert(
    fc.property(params, fc.string(), fc.nat(3), (own, cursor, indent) => {
      const request = { jsonrpc: '2.0', id: 1, method: 'tools/list', ...(own && { params: own }) };
      const body = Buffer.from(JSON.stringify(request, null, indent));
      const out = spliceCursor(body, Buffer.from(JSON.stringify(cursor)));
      expect(JSON.parse(out.toString())).toEqual(
        JSON.parse(JSON.stringify({ ...request, params: { ...own, cursor } })),
      );
      expect('fault' in scan(out)).toBe('fault' in scan(body));
    }),
  );
});
