/** A small run from end to end: real processes, real nginx where there is one, a results file that can be read. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';

const here = import.meta.dirname;

async function bench(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [join(here, 'index.ts'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  const [printed, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return (await closed)[0] === 0 ? printed : said;
}

let results: string;
beforeAll(async () => {
  results = await mkdtemp(join(tmpdir(), 'portolan-bench-test-'));
});
afterAll(() => rm(results, { recursive: true }));

test.runIf(process.platform === 'linux')(
  'a small run prints a table, its gaps and its goals, and writes them as JSON',
  async () => {
    const small = ['--calls', '200', '--rounds', '1', '--warmup', '0', '--connections', '4', '--results', results];
    const printed = await bench('--no-gateways', ...small);
    expect(printed).toMatch(/^direct +200 +0 /m);
    expect(printed).toContain('GAP gateways: left out by --no-gateways');
    expect(printed).toContain('not measured  CPU per call, one hop');
    const [file = ''] = await readdir(results);
    const run = JSON.parse(await readFile(join(results, file), 'utf8'));
    expect(run.measured[0]).toMatchObject({ name: 'direct', calls: 200, failed: 0 });
    expect(run.verdicts).toHaveLength(9);
  },
);

test('says what is wrong with an argument', async () => {
  expect(await bench('--rounds', '0')).toContain('--rounds 0: expected a whole number from 1');
});
