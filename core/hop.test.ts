import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCaller, readHop, writeCaller, writeHop } from './hop.ts';

const HOP = { id: randomUUID(), entry: 'aws', hops: 1, via: ['aws', 'onprem'], deadlineMs: 29_000 };
const CALLER = { kind: 'pat', id: 'a1B2c3D4e5', proof: randomBytes(32) } as const;

test('what is written is read again', () => {
  expect(readHop(writeHop(HOP))).toEqual(HOP);
  expect(readCaller(writeCaller(CALLER))).toEqual(CALLER);
});

test('a deadline that has passed is none left, not a negative one', () => {
  expect(readHop(writeHop({ ...HOP, deadlineMs: -3.7 }))?.deadlineMs).toBe(0);
});

const edits = fc.tuple(fc.nat(), fc.string({ unit: fc.constantFrom(...'a"=;,() :1-%\n\0'), maxLength: 3 }), fc.nat(2));

test('any other form is undefined, or means what it says', () => {
  fc.assert(
    fc.property(edits, ([at, text, cut]) => {
      const written = writeHop(HOP);
      const place = at % written.length;
      const edited = written.slice(0, place) + text + written.slice(place + cut);
      const hop = readHop(edited);
      if (hop) expect(writeHop(hop)).toBe(edited);
      const caller = readCaller(writeCaller(CALLER).slice(0, place % 60) + text);
      expect(caller).toBeUndefined();
    }),
    { numRuns: 3_000 },
  );
});

test.each([
  ['the control plane as entry', writeHop({ ...HOP, entry: 'control' })],
  ['no way', writeHop({ ...HOP, via: [] })],
  ['a name in capitals', writeHop({ ...HOP, entry: 'AWS' })],
  ['two headers joined', `${writeHop(HOP)}, ${writeHop(HOP)}`],
])('%s is refused', (_, text) => {
  expect(readHop(text)).toBeUndefined();
});
