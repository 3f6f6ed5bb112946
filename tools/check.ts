// `npm run check`: the whole static gate. Format and lint, types, import law, each run to its end so that one run tells
// everything; a summary last. It fails when any of them fails.

import { join } from 'node:path';
import { checkout } from './stack/index.ts';
import { passThrough } from './start/pass-through.mjs';

interface Check {
  readonly name: string;
  /** Path below node_modules, and arguments. */
  readonly run: readonly [string, ...string[]];
}

const fix = process.argv.includes('--fix') ? ['--write'] : [];

const checks: readonly Check[] = [
  { name: 'format and lint', run: ['@biomejs/biome/bin/biome', 'check', ...fix, '.'] },
  { name: 'types', run: ['typescript/bin/tsc', '-p', 'tsconfig.json'] },
  { name: 'import law', run: ['vitest/vitest.mjs', 'run', 'test/import-law.test.ts', '--reporter=dot'] },
];

const failed: string[] = [];
for (const { name, run } of checks) {
  const [program, ...args] = run;
  const code = await passThrough(process.execPath, [join(checkout, 'node_modules', program), ...args], {
    cwd: checkout,
  });
  if (code !== 0) failed.push(name);
}

const passed = checks.map(({ name }) => name).filter((name) => !failed.includes(name));
if (passed.length > 0) console.log(`passed: ${passed.join(', ')}`);
if (failed.length > 0) console.error(`failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
