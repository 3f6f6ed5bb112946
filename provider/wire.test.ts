import fc from 'fast-check';
import struct from 'google-protobuf/google/protobuf/struct_pb.js';
import { describe, expect, test } from 'vitest';
import { decode, encode, hasUnknown, unknown } from './wire.ts';

const unknownText = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';
const secret = (value: unknown) => ({
  '4dabf18193072939515e22adb298388d': '1b47061264138c4ac30d75fd1eb44270',
  value,
});
const wire = (value: object) =>
  struct.Struct.fromJavaScript(value as Parameters<typeof struct.Struct.fromJavaScript>[0]);

describe('secrets', () => {
  test('are unwrapped, remembered by their property, and wrapped again', () => {
    const given = { a: secret({ b: 'x' }), c: ['plain'], d: { e: [secret('deep')] } };
    const { values, secrets } = decode(wire(given));
    expect(values).toEqual({ a: { b: 'x' }, c: ['plain'], d: { e: ['deep'] } });
    expect([...secrets].sort()).toEqual(['a', 'd']);
    expect(encode(values, secrets).toJavaScript()).toEqual({
      a: secret({ b: 'x' }),
      c: ['plain'],
      d: secret({ e: ['deep'] }),
    });
  });
});

describe('unknowns', () => {
  test('can never be taken for a value', () => {
    const { values } = decode(wire({ a: unknownText, b: { c: [secret(unknownText)] } }));
    expect(values).toEqual({ a: unknown, b: { c: [unknown] } });
    expect(encode(values).toJavaScript()).toEqual({ a: unknownText, b: { c: [unknownText] } });
  });

  test('are found at any depth', () => {
    expect(hasUnknown({ a: [{ b: unknown }] })).toBe(true);
    expect(hasUnknown({ a: [{ b: 1 }], c: null })).toBe(false);
  });
});

test('plain values come back as they were; null is absent', () => {
  const key = fc.string().filter((text) => text !== '__proto__'); // protobuf's own map cannot hold it
  const scalar = fc.oneof(fc.string(), fc.boolean(), fc.integer());
  const plain = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(tie('value')), fc.dictionary(key, tie('value'))),
  })).value;
  fc.assert(
    fc.property(fc.dictionary(key, plain, { noNullPrototype: true }), (values) => {
      expect(decode(encode(values)).values).toEqual(values);
    }),
  );
  expect(decode(wire({ a: null, b: { c: null } })).values).toEqual({ b: {} });
});
