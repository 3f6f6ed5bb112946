/**
 * The checks that are known to be lost on the way: `baseline.json`, which may only shrink. One that is lost and not in it fails, and one that is in
 * it and no longer lost fails, too.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Way } from './ways.ts';

const Baseline = z.array(
  z.strictObject({ run: z.string(), way: z.enum(['one', 'two']), check: z.string(), why: z.string().min(1) }),
);
export type KnownLoss = z.infer<typeof Baseline>[number];

export interface Lost {
  readonly run: string;
  readonly way: Way;
  readonly check: string;
}

export const readBaseline = (): readonly KnownLoss[] =>
  Baseline.parse(JSON.parse(readFileSync(join(import.meta.dirname, 'baseline.json'), 'utf8')));

const same = (one: Lost, other: Lost): boolean =>
  one.run === other.run && one.way === other.way && one.check === other.check;

export interface Judged<T extends Lost> {
  readonly unknown: readonly T[];
  readonly stale: readonly KnownLoss[];
}

/** `ran`: what was run at all; of the rest nothing can be said. */
export function judge<T extends Lost>(
  lost: readonly T[],
  known: readonly KnownLoss[],
  ran: (one: KnownLoss) => boolean,
): Judged<T> {
  return {
    unknown: lost.filter((one) => !known.some((other) => same(one, other))),
    stale: known.filter((one) => ran(one) && !lost.some((other) => same(one, other))),
  };
}
