// Tests: every *.test.ts of the checkout, in processes of their own, with real servers on free ports. Nothing that a test
// starts may outlive the run: test/harness-free leftovers are found and ended by the global set-up.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '.portolan/**'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    globalSetup: ['tools/test-leftovers.ts'],
  },
});
