// Tests: every *.test.ts of the checkout, in processes of their own, with real servers on free ports. Suites that stand up
// whole federations come after the rest and one file at a time: each is a dozen processes. That nothing outlives a run is
// seen to by tools/test.ts, which holds for a run that is killed too.

import { globSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Minutes each: `npm run slow`. Each has a faster one beside it, or above it, that runs always. */
const slow = ['**/*.slow.test.ts'];
const built = ['**/node_modules/**', '**/dist/**', '**/.portolan/**'];
const wholeFederations = ['federation', 'faults', 'kubernetes'].map((folder) => `test/${folder}/**/*.test.ts`);

/** Attacks that need a whole stack import its harness; the others make their gateways themselves, and run with the packages. */
const attacks = globSync('test/security/**/*.test.ts', { cwd: import.meta.dirname }).filter((file) =>
  readFileSync(`${import.meta.dirname}/${file}`, 'utf8').includes("'../harness/"),
);

/** Several minutes: the first `up` of a machine is slow. */
const standUpMs = 300_000;

const slowProject = {
  extends: true as const,
  test: { name: 'slow', include: slow, exclude: built, hookTimeout: standUpMs, fileParallelism: false },
};

export default defineConfig({
  test: {
    reporters: ['default', './test/harness/tally.ts'],
    pool: 'forks',
    // on a machine of two busy cores a deadline may pass once; what fails twice is broken. By hand nothing is tried again.
    retry: process.env.CI ? 1 : 0,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    projects:
      process.env.PORTOLAN_TESTS === 'slow'
        ? [slowProject]
        : [
            {
              extends: true,
              test: {
                name: 'packages',
                include: ['**/*.test.ts'],
                exclude: [...built, ...slow, ...wholeFederations, ...attacks],
                // they wait for real servers most of the time: with one file at a time a core would be idle
                maxWorkers: 2,
                sequence: { groupOrder: 0 },
              },
            },
            {
              extends: true,
              test: {
                name: 'security',
                include: attacks,
                globalSetup: ['test/harness/shared-federation.ts'],
                hookTimeout: standUpMs,
                fileParallelism: false,
                sequence: { groupOrder: 1 },
              },
            },
            {
              extends: true,
              test: {
                name: 'federation',
                include: wholeFederations,
                hookTimeout: standUpMs,
                fileParallelism: false,
                sequence: { groupOrder: 2 },
              },
            },
          ],
  },
});
