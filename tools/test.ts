// `npm test`: makes sure of the programs that tests start, so that a build happens once, in sight, and not inside a
// test's timeout; then vitest, once. Arguments are vitest's.

import { join } from 'node:path';
import { checkout } from './stack/index.ts';
import { passThrough } from './start/pass-through.mjs';
import { findTool, ToolMissing } from './toolchain/index.ts';

try {
  for (const name of ['nats-server', 'pulumi'] as const) await findTool(name);
  const vitest = join(checkout, 'node_modules', 'vitest', 'vitest.mjs');
  process.exitCode = await passThrough(process.execPath, [vitest, 'run', ...process.argv.slice(2)], { cwd: checkout });
} catch (error) {
  if (!(error instanceof ToolMissing)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
