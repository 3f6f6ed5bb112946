/** What a peer may send that has lost its mind: frames of every type on few streams, and bytes that are none. */
import fc from 'fast-check';
import { FRAME } from '../adapters/link/frames.ts';
import { frameBytes } from './frame-bytes.ts';

/** `texts`: payloads that make sense somewhere. */
export function anyFrames(texts: readonly string[]): fc.Arbitrary<Buffer[]> {
  const bytes = fc.uint8Array({ maxLength: 64 }).map((own) => Buffer.from(own));
  const sense = fc.constantFrom('', '\0\0\0\x01', '\xff\xff\xff\xff', ...texts);
  const frame = fc.record({
    type: fc.oneof(fc.constantFrom(...Object.values(FRAME)), fc.nat(127)),
    last: fc.boolean(),
    stream: fc.nat(5),
    payload: fc.oneof(
      bytes,
      sense.map((text) => Buffer.from(text, 'latin1')),
    ),
  });
  const sent = fc.oneof({ weight: 9, arbitrary: frame.map(frameBytes) }, { weight: 1, arbitrary: bytes });
  return fc.array(sent, { minLength: 1, maxLength: 12 });
}
