/** The official suite, directly and through two gateways: the part of `npm run conformance` that is quick enough for every test run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Everything } from '../harness/everything/everything.ts';
import { count, losses } from './compare.ts';
import { type Run, runs } from './runs.ts';
import { runSuite } from './suite.ts';
import { Ways } from './ways.ts';

const named = (name: string): Run => {
  const run = runs.find((one) => one.name === name);
  if (!run) throw new Error(`no run ${name}`);
  return run;
};
const tasks: Run = {
  name: 'tasks',
  half: 'server',
  long: false,
  calls: ['tasks-mrtr-input', 'tasks-capability-negotiation', 'tasks-request-headers'].map((scenario) => [
    '--scenario',
    scenario,
    '--spec-version',
    '2026-07-28',
    '--force',
  ]),
};

let everything: Everything;
let ways: Ways;
let folder: string;
beforeAll(async () => {
  [everything, ways, folder] = await Promise.all([
    Everything.start(),
    Ways.start(),
    mkdtemp(join(tmpdir(), 'portolan-conformance-')),
  ]);
});
afterAll(async () => {
  await ways?.[Symbol.asyncDispose]();
  await everything?.[Symbol.asyncDispose]();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function both(run: Run) {
  const at = await ways.to(everything.url);
  const on = (way: 'direct' | 'two') =>
    runSuite(run, { subject: ['--url', at[way]], folder: join(folder, run.name, way) });
  // one after the other: a session of one must not hear what the other makes the server say
  return { direct: await on('direct'), through: await on('two') };
}

test('of revision 2025-11-25, every check passes through two gateways', { timeout: 120_000 }, async () => {
  const { direct, through } = await both(named('requirements 2025-11-25'));
  expect(count(direct)).toEqual({ passed: 84, failed: 0 });
  expect(losses(direct, through)).toEqual([]);
});

test('of revision 2026-07-28, every check passes through two gateways', { timeout: 120_000 }, async () => {
  const { direct, through } = await both(named('all of 2026-07-28'));
  expect(count(direct)).toEqual({ passed: 152, failed: 0 });
  expect(losses(direct, through)).toEqual([]);
});

test('of the tasks extension, what is asked for and answered passes through two gateways', {
  timeout: 120_000,
}, async () => {
  const { direct, through } = await both(tasks);
  expect(count(direct)).toMatchObject({ failed: 0 });
  expect(losses(direct, through)).toEqual([]);
});
