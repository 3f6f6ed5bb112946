// `npm test`: makes sure of the programs that tests start, so that a build happens once, in sight, and not inside a test's
// timeout; then vitest, once, with a temporary folder of its own. Arguments are vitest's. Invariant: nothing that a test
// started outlives the run; what does is ended and named, and the run has failed.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endAll, leftovers } from './leftovers.ts';
import { checkout } from './stack/index.ts';
import { Interrupted, interruptible } from './start/interrupt.mjs';
import { passThrough } from './start/pass-through.mjs';
import { findTool, ToolMissing } from './toolchain/index.ts';

try {
  await interruptible(async (signal) => {
    for (const name of ['nats-server', 'pulumi', 'pebble'] as const) await findTool(name, { signal });
  });
  process.exitCode = await runTests(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ToolMissing || error instanceof Interrupted)) throw error;
  console.error(error.message);
  process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
}

async function runTests(args: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-run-'));
  chmodSync(folder, 0o755); // PostgreSQL as `nobody` must get through
  const vitest = join(checkout, 'node_modules', 'vitest', 'vitest.mjs');
  const env = { ...process.env, TMPDIR: folder };
  const code = await passThrough(process.execPath, [vitest, 'run', ...args], { cwd: checkout, env });
  const left = leftovers(folder);
  endAll(left);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  if (left.length === 0) return code;
  const lines = left.map(({ pid, command }) => `  ${pid} ${command}`);
  console.error(`\nThese processes outlived the tests and were ended:\n${lines.join('\n')}`);
  return code === 0 ? 1 : code;
}
