/** A few thousand cases of each fuzz target; `npm run fuzz` runs a hundred thousand. */
import fc from 'fast-check';
import { test } from 'vitest';
import { targets } from './targets.ts';

test.each(targets)('$name', ({ property }) => {
  fc.assert(property, { numRuns: 5_000 });
});
