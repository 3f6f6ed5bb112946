import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameBytes } from '../../test/frame-bytes.ts';
import {
  Breach,
  type Frame,
  FrameReader,
  HEADER_BYTES,
  headText,
  MAX_PAYLOAD_BYTES,
  readHead,
  writeHeader,
} from './frames.ts';

function readAll(chunks: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader((frame) => frames.push(frame));
  for (const chunk of chunks) reader.push(chunk);
  return frames;
}

/** Cut at the remainders of `cuts`. */
function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 0, max: MAX_PAYLOAD_BYTES }).map((length) => new Uint8Array(length).fill(length)),
);
const frame = fc.record({
  type: fc.integer({ min: 0, max: 127 }),
  last: fc.boolean(),
  stream: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  payload: payload.map((bytes) => Buffer.from(bytes)),
});

describe('frames', () => {
  test('however they are cut, they come out as they were written', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), (frames, cuts) => {
        expect(readAll(cutAt(Buffer.concat(frames.map(frameBytes)), cuts))).toEqual(frames);
      }),
    );
  });

  test('byte by byte, too', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 3 }), (frames) => {
        const bytes = Buffer.concat(frames.map(frameBytes));
        expect(readAll(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)))).toEqual(frames);
      }),
      { numRuns: 10 },
    );
  });

  test('one longer than the bound is a breach as soon as its header is there', () => {
    const lengths = fc.integer({ min: MAX_PAYLOAD_BYTES + 1, max: 2 ** 24 - 1 });
    fc.assert(
      fc.property(lengths, fc.array(fc.nat(), { maxLength: 4 }), (length, cuts) => {
        const header = Buffer.alloc(HEADER_BYTES);
        writeHeader(header, 0, { type: 2, last: false, stream: 1, length });
        expect(() => readAll(cutAt(header, cuts))).toThrow(Breach);
      }),
      { examples: [[MAX_PAYLOAD_BYTES + 1, []]] },
    );
  });

  test('whatever comes, nothing but a breach is thrown', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (chunks) => {
        try {
          readAll(chunks.map((chunk) => Buffer.from(chunk)));
        } catch (error) {
          expect(error).toBeInstanceOf(Breach);
        }
      }),
    );
  });
});

const latin1 = (allowed: (code: number) => boolean): string[] =>
  Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter((char) => allowed(char.charCodeAt(0)));
const isControl = (code: number): boolean => (code < 0x20 && code !== 0x09) || code === 0x7f;
const line = (maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...latin1((code) => !isControl(code))), maxLength });
const name = fc
  .string({ unit: fc.constantFrom(..."!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"), minLength: 1 })
  .filter((text) => text !== '__proto__');
const heads = fc.record({
  first: fc.array(line(30), { minLength: 1, maxLength: 2 }),
  headers: fc.uniqueArray(fc.tuple(name, line(60)), { selector: ([own]) => own, maxLength: 12 }),
});
const payloadOf = (...lines: readonly string[]): Buffer => Buffer.from(lines.join('\n'), 'latin1');

describe('heads', () => {
  test('what is written is read', () => {
    fc.assert(
      fc.property(heads, ({ first, headers }) => {
        const head = readHead(Buffer.from(headText(first, headers.flat()), 'latin1'), first.length);
        expect(head).toEqual({ first, rawHeaders: headers.flat(), headers: Object.fromEntries(headers) });
      }),
    );
  });

  const controls = latin1(isControl);

  test.each(['in the first line', 'in a name', 'in a value'])('no control character is written %s', (where) => {
    for (const char of [...controls, 'Ā', '\u{1f600}']) {
      const head = {
        'in the first line': [[`GE${char}T`, '/'], []],
        'in a name': [['200'], [`a${char}`, 'b']],
        'in a value': [['200'], ['a', `b${char}x: y`]],
      }[where] as [string[], string[]];
      expect(() => headText(...head), JSON.stringify(char)).toThrow(TypeError);
    }
  });

  test('no control character is read, wherever it stands', () => {
    for (const char of controls.filter((own) => own !== '\n')) {
      for (const lines of [
        [`P${char}OST`, '/mcp'],
        ['POST', `/m${char}`],
        ['POST', '/', `a${char}`, 'b'],
      ])
        expect(() => readHead(payloadOf(...lines), 2), JSON.stringify(char)).toThrow(Breach);
      expect(() => readHead(payloadOf('POST', '/', 'a', `${char}b`), 2), JSON.stringify(char)).toThrow(Breach);
    }
  });

  test('one that is longer than a frame is not written', () => {
    const fits = 'x'.repeat(MAX_PAYLOAD_BYTES - '200\na\n'.length);
    expect(headText(['200'], ['a', fits])).toHaveLength(MAX_PAYLOAD_BYTES);
    expect(() => headText(['200'], ['a', `${fits}x`])).toThrow(TypeError);
  });

  test.each([
    ['nothing at all', []],
    ['no target', ['POST']],
    ['a name without a value', ['POST', '/', 'a']],
    ['a line break in a value', ['POST', '/', 'a', 'b\nc']],
    ['the same name twice', ['POST', '/', 'a', '1', 'b', '2', 'a', '3']],
    ['a name that an object does not keep', ['POST', '/', '__proto__', 'x']],
    ['a name in upper case', ['POST', '/', 'Host', 'x']],
    ['an empty name', ['POST', '/', '', 'x']],
    ['a name with a space', ['POST', '/', 'a b', 'x']],
    ['a name with a colon', ['POST', '/', ':path', 'x']],
    ['a name beyond ASCII', ['POST', '/', 'ä', 'x']],
  ])('%s: breach', (_what, lines) => {
    expect(() => readHead(payloadOf(...lines), 2)).toThrow(Breach);
  });

  test('a name of every object is a name', () => {
    const { headers } = readHead(payloadOf('200', 'constructor', 'x', 'tostring', 'y'), 1);
    expect(headers).toEqual({ constructor: 'x', tostring: 'y' });
  });

  test('whatever comes, nothing but a breach is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 2 }), (bytes, first) => {
        try {
          readHead(Buffer.from(bytes), first);
        } catch (error) {
          expect(error).toBeInstanceOf(Breach);
        }
      }),
    );
  });
});
