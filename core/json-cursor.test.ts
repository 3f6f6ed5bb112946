import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonCursor, JsonFault, type JsonLimits } from './json-cursor.ts';

const LIMITS: JsonLimits = { depth: 64, keys: 10_000, unique: true };

const WORDS = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** Builds the whole value by walking, which production code never does. */
function build(cursor: JsonCursor): unknown {
  if (cursor.atString) return cursor.string();
  if (cursor.atObject) {
    const entries: [string, unknown][] = [];
    cursor.object((key) => void entries.push([key, build(cursor)]));
    return Object.fromEntries(entries);
  }
  if (cursor.atArray) {
    const elements: unknown[] = [];
    cursor.array(() => void elements.push(build(cursor)));
    return elements;
  }
  const { start, end } = cursor.skip();
  const text = cursor.bytes.toString('latin1', start, end);
  return WORDS.has(text) ? WORDS.get(text) : Number(text);
}

function read(text: string | Buffer, limits = LIMITS): unknown {
  const cursor = new JsonCursor(Buffer.from(text), limits);
  const value = build(cursor);
  cursor.end();
  return value;
}

function outcome(run: () => unknown): { value: unknown } | { fault: string } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof JsonFault) return { fault: error.code };
    throw error;
  }
}

function parsed(text: string): { value: unknown } | { fault: string } {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { fault: 'parse_error' };
  }
}

/** JSON, and JSON with a few characters of its own alphabet put in, taken out or swapped. */
const whole = fc.json({ maxDepth: 6 });
const damage = fc.constantFrom(
  ...'{}[]":,\\/ \n\t0123456789-+.eEtrufalsn\u0000\u001f\u007f',
  '\\u0041',
  '\\ud800',
  'é',
  '"a":1',
  '//',
);
const damaged = fc
  .tuple(whole, fc.array(fc.tuple(fc.nat(), damage, fc.nat(2)), { minLength: 1, maxLength: 4 }))
  .map(([text, edits]) =>
    edits.reduce(
      (now, [at, piece, cut]) => now.slice(0, at % (now.length + 1)) + piece + now.slice((at % (now.length + 1)) + cut),
      text,
    ),
  );
const soup = fc.string({ unit: damage, maxLength: 30 });

test('what it reads, JSON.parse reads the same; what it refuses as malformed, JSON.parse refuses', () => {
  fc.assert(
    fc.property(fc.oneof(whole, damaged, soup), (text) => {
      const ours = outcome(() => read(text));
      const theirs = parsed(text);
      if ('value' in ours) expect(theirs).toEqual(ours);
      // stricter in two things alone: keys that stand twice, and half surrogate pairs
      else if ('value' in theirs) expect(ours.fault === 'duplicate_key' || /\\ud[89a-f]/i.test(text)).toBe(true);
    }),
    { numRuns: 30_000 },
  );
});

test('what has no key twice is read whole', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (text) => {
      expect(read(text)).toEqual(JSON.parse(text));
    }),
    { numRuns: 3_000 },
  );
});

test.each(['"\\ud800"', '"\\udc00\\ud800"', '{"\\ud800":1}', '"\\ud83d\\u0041"'])(
  'half a surrogate pair is refused: %s',
  (text) => {
    expect(outcome(() => read(text))).toEqual({ fault: 'parse_error' });
  },
);

test('nesting counts what is open, not what was', () => {
  expect(outcome(() => read(`[${'[[]],'.repeat(200)}0]`))).toHaveProperty('value');
});

test('ranges are those of the bytes', () => {
  const text = ' { "é" : [ 1 , "\\u00e9" ] , "b" : -1.5e+3 } ';
  const cursor = new JsonCursor(Buffer.from(text), LIMITS);
  const found: string[] = [];
  cursor.object(() => {
    const { start, end } = cursor.skip();
    found.push(cursor.bytes.toString('utf8', start, end));
  });
  expect(found).toEqual(['[ 1 , "\\u00e9" ]', '-1.5e+3']);
});

test.each([
  ['{"a":1,"a":1}'],
  ['{"a":1,"\\u0061":1}'],
  ['{"x":{"y":[{"é":1,"\\u00e9":2}]}}'],
  ['{"__proto__":1,"__proto__":2}'],
  ['{"":1,"":2}'],
  [`{${Array.from({ length: 100 }, (_, i) => `"${i}":0`)},"7":1}`],
])('a key that stands twice is refused: %s', (text) => {
  expect(outcome(() => read(text))).toEqual({ fault: 'duplicate_key' });
});

test('the same key in two objects is none that stands twice', () => {
  expect(read('{"a":{"a":1,"b":1},"b":[{"a":1},{"a":2}]}')).toEqual({ a: { a: 1, b: 1 }, b: [{ a: 1 }, { a: 2 }] });
});

test.each([
  ['64 levels', '['.repeat(64) + ']'.repeat(64), undefined],
  ['65 levels', '['.repeat(65) + ']'.repeat(65), 'too_complex'],
  ['500 000 levels', '['.repeat(500_000), 'too_complex'],
  ['10 000 keys', `{${Array.from({ length: 10_000 }, (_, i) => `"k${i}":0`)}}`, undefined],
  ['10 001 keys', `{${Array.from({ length: 10_001 }, (_, i) => `"k${i}":0`)}}`, 'too_complex'],
  ['10 001 keys in many objects', `[${Array.from({ length: 10_001 }, () => '{"a":0}')}]`, 'too_complex'],
])('%s', (_, text, fault) => {
  const result = outcome(() => read(text));
  expect('fault' in result ? result.fault : undefined).toBe(fault);
});

test('keys chosen to collide cost no more than others', () => {
  // V8 takes the value of a short integer for its hash
  const keys = Array.from({ length: 10_000 }, (_, i) => `"${i < 1_220 ? i * 8_192 : `k${i}`}":0`);
  const start = process.cpuUsage();
  read(`{${keys}}`);
  expect(process.cpuUsage(start).user / 1_000).toBeLessThan(500);
});

test.each([
  ['overlong', [0x22, 0xc0, 0xaf, 0x22]],
  ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ['cut off', [0x22, 0xe2, 0x82, 0x22]],
  ['UTF-16', [0xff, 0xfe, 0x7b, 0x00]],
  ['with a byte order mark', [0xef, 0xbb, 0xbf, 0x31]],
])('bytes that are not plain UTF-8 are refused: %s', (_, bytes) => {
  expect(outcome(() => read(Buffer.from(bytes)))).toEqual({ fault: 'parse_error' });
});

test('a fault names the place', () => {
  expect(() => read('{"a" 1}')).toThrow('parse_error: expected ":", but byte 5 is not');
  expect(() => read('{"a":')).toThrow('parse_error: expected a value, but the text ends');
});
