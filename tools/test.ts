// `npm test`: makes sure of the programs that tests start, so that a build happens once, in sight, and not inside a test's
// timeout; then vitest, once, with a temporary folder of its own. Arguments are vitest's. Where the programs of a test
// cluster cannot be had, the suites that need one are skipped, in words that cannot be overlooked. Invariant: nothing that a
// test started outlives the run; what does is ended and named, and the run has failed.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endAll, leftovers } from './leftovers.ts';
import { checkout } from './stack/index.ts';
import { Interrupted, interruptible } from './start/interrupt.mjs';
import { passThrough } from './start/pass-through.mjs';
import { clusterTools, findTool, noClusterVariable, ToolMissing, tools } from './toolchain/index.ts';

try {
  let cluster: NodeJS.ProcessEnv = {};
  await interruptible(async (signal) => {
    for (const name of ['nats-server', 'pulumi', 'pebble'] as const) await findTool(name, { signal });
    cluster = await clusterEnvironment(signal);
  });
  process.exitCode = await runTests(process.argv.slice(2), cluster);
} catch (error) {
  if (!(error instanceof ToolMissing || error instanceof Interrupted)) throw error;
  console.error(error.message);
  process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
}

/** Variables that name the programs of a test cluster; none where one of them cannot be had, which is told. */
async function clusterEnvironment(signal: AbortSignal): Promise<NodeJS.ProcessEnv> {
  try {
    const found = [];
    for (const name of clusterTools) found.push([tools[name].variable, (await findTool(name, { signal })).path]);
    return Object.fromEntries(found);
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    console.error(skipped(error.message));
    return { [noClusterVariable]: 'true' };
  }
}

function skipped(why: string): string {
  const line = '='.repeat(78);
  const what = 'SKIPPED: every test that needs a Kubernetes cluster (test/stand-ins/kubernetes and what uses it).';
  return ['', line, what, `Why: ${why}`, 'All other tests run.', line, ''].join('\n');
}

async function runTests(args: readonly string[], cluster: NodeJS.ProcessEnv): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-run-'));
  chmodSync(folder, 0o755); // PostgreSQL as `nobody` must get through
  const vitest = join(checkout, 'node_modules', 'vitest', 'vitest.mjs');
  const env = { ...process.env, ...cluster, TMPDIR: folder };
  const code = await passThrough(process.execPath, [vitest, 'run', ...args], { cwd: checkout, env });
  const left = leftovers(folder);
  endAll(left);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  if (left.length === 0) return code;
  const lines = left.map(({ pid, command }) => `  ${pid} ${command}`);
  console.error(`\nThese processes outlived the tests and were ended:\n${lines.join('\n')}`);
  return code === 0 ? 1 : code;
}
