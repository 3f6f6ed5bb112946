/** `npm run fuzz`: every target with many cases. A failure prints seed and path, and with both it is played again. */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { targets } from './targets.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    path: { type: 'string' },
    target: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const cases = Number(values.cases);
if (!Number.isInteger(cases) || cases < 1 || !Number.isInteger(seed)) {
  console.error('--cases and --seed are whole numbers');
  process.exit(2);
}
console.log(`${cases} cases a target, seed ${seed}`);
let failed = 0;
for (const { name, property } of targets.filter((target) => target.name.includes(values.target ?? ''))) {
  const began = performance.now();
  const details = fc.check(property, { numRuns: cases, seed, ...(values.path !== undefined && { path: values.path }) });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${details.failed ? 'FAILED' : 'passed'}  ${name}  ${details.numRuns} cases, ${seconds} s`);
  if (!details.failed) continue;
  failed += 1;
  console.error(fc.defaultReportMessage(details));
  console.error(`again: npm run fuzz -- --seed ${seed} --path ${details.counterexamplePath} --target "${name}"`);
}
process.exitCode = failed === 0 ? 0 : 1;
