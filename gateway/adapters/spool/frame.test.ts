import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Frame, frameAt, frameJson, framePrefix, HEADER_BYTES, nextFrame, writeFrame } from './frame.ts';

const EPOCH = '0123456789abcdef';
const prefix = framePrefix(EPOCH);

function spooled(records: readonly unknown[]): Buffer {
  const bytes = Buffer.alloc(records.reduce<number>((sum, record) => sum + 200 + 3 * JSON.stringify(record).length, 0));
  let end = 0;
  for (const [at, record] of records.entries())
    end = writeFrame(bytes, end, frameJson(prefix, at + 1, JSON.stringify(record)));
  return bytes.subarray(0, end);
}

function readAll(bytes: Buffer): { frames: Frame[]; texts: string[] } {
  const frames: Frame[] = [];
  for (let frame = nextFrame(bytes, 0, prefix); frame; frame = nextFrame(bytes, frame.end, prefix)) frames.push(frame);
  return { frames, texts: frames.map(({ start, end }) => bytes.toString('utf8', start, end)) };
}

const record = fc.record({ tool: fc.string({ unit: 'binary' }), user: fc.string(), n: fc.nat() });

describe('frames', () => {
  test('what is written is read, in order', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 30 }), (records) => {
        const read = readAll(spooled(records)).texts.map((text) => JSON.parse(text));
        expect(read).toEqual(
          records.map((own, at) => ({ epoch: EPOCH, seq: at + 1, record: JSON.parse(JSON.stringify(own)) })),
        );
      }),
    );
  });

  test('a torn tail costs the last record only', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 10 }), fc.nat(), (records, cut) => {
        const whole = spooled(records);
        const { frames, texts } = readAll(whole);
        const length = cut % whole.length;
        expect(readAll(whole.subarray(0, length)).texts).toEqual(
          texts.filter((_text, at) => (frames[at]?.end ?? 0) <= length),
        );
      }),
    );
  });

  test('a flipped byte costs the record that it is in, and no other', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 10 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (records, where, flip) => {
          const bytes = Buffer.from(spooled(records));
          const { frames, texts } = readAll(bytes);
          const at = where % bytes.length;
          bytes[at] = (bytes[at] ?? 0) ^ flip;
          const hit = frames.findIndex(({ start, end }) => at >= start - HEADER_BYTES && at < end);
          expect(readAll(bytes).texts).toEqual(texts.filter((_text, index) => index !== hit));
        },
      ),
    );
  });

  test('arbitrary bytes and zeros hold no record and end', () => {
    expect(nextFrame(Buffer.alloc(1 << 20), 0, prefix)).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (noise) => readAll(Buffer.from(noise)).frames.length === 0),
    );
  });

  test('a record of another epoch is not read', () => {
    const bytes = spooled([{ a: 1 }]);
    expect(frameAt(bytes, 0, framePrefix('fedcba9876543210'))).toBeUndefined();
    expect(frameAt(bytes, 0, prefix)?.seq).toBe(1);
  });
});
