/** Cuts for tests: the same bytes, torn at places that a property test chooses. */
import fc from 'fast-check';

/** Bytes torn into chunks; an empty chunk now and then. */
export const torn = (bytes: Buffer, cuts: readonly number[]): readonly Buffer[] => {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
};

/** Where to tear: nowhere, at a few places, or at every byte of a short text. */
export const cuts = fc.oneof(
  fc.array(fc.nat(), { maxLength: 8 }),
  fc.constant(Array.from({ length: 400 }, (_, i) => i)),
);
