/** Bytes torn at chosen places, for tests: a body arrives in whatever chunks the network makes of it. */
export function torn(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
  return [...places, bytes.length].map((end, i) => bytes.subarray(places[i - 1] ?? 0, end));
}

/** Every byte by itself, for texts up to 400 bytes. */
export const everywhere: readonly number[] = Array.from({ length: 400 }, (_, i) => i);
