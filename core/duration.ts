/** Spans of time in configuration: a whole number and its unit, so that no setting has a unit that must be guessed. */
import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `90s`, `15m`, `24h`, `30d` → milliseconds. `0s` is allowed; no fractions, no signs, no combinations. */
export const Duration = z
  .string()
  .regex(/^\d{1,9}(?:ms|s|m|h|d)$/, 'expected a whole number with a unit: 500ms, 90s, 15m, 24h or 30d')
  .transform((text) => Number.parseInt(text, 10) * (UNITS[text.replace(/^\d+/, '')] ?? Number.NaN));
export type Duration = z.infer<typeof Duration>;
