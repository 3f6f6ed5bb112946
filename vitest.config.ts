// Tests: every *.test.ts of the checkout, in processes of their own, with real servers on free ports. Nothing that a test
// starts may outlive the run: leftovers are found and ended by the global set-up. Three projects, because whole federations
// on two cores run one after another, while the rest shares them.

import { defineConfig } from 'vitest/config';

const shared = { pool: 'forks', testTimeout: 60_000, hookTimeout: 120_000, teardownTimeout: 60_000 } as const;
const outside = ['**/node_modules/**', '**/dist/**', '.portolan/**'];
const federations = ['test/federation/**/*.test.ts', 'test/security/**/*.test.ts'];

export default defineConfig({
  test: {
    reporters: ['default', './test/harness/tally.ts'],
    projects: [
      {
        test: {
          ...shared,
          name: 'parts',
          include: ['**/*.test.ts'],
          exclude: [...outside, ...federations],
          globalSetup: ['tools/test-leftovers.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'security',
          include: ['test/security/**/*.test.ts'],
          globalSetup: ['tools/test-leftovers.ts', 'test/harness/shared-federation.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...shared,
          name: 'federation',
          include: ['test/federation/**/*.test.ts'],
          globalSetup: ['tools/test-leftovers.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
