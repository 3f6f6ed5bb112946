/** Order statistics. Pure. */

/** p50, p90, p99 and the maximum, by the nearest-rank method; NaN where there is no value. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export function percentiles(values: Float64Array | readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { p50: rank(0.5), p90: rank(0.9), p99: rank(0.99), max: rank(1) };
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
