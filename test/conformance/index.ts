/**
 * `npm run conformance`: the official suite against an MCP server directly, through one gateway and through two, and a client against the
 * suite's servers the same ways. Prints a table and every check that is lost on a way; 1 where one is not in baseline.json, or is there in vain.
 */
import { join } from 'node:path';
import { Everything } from '../harness/everything/everything.ts';
import { judge, readBaseline } from './baseline.ts';
import type { Check } from './checks.ts';
import { count, losses } from './compare.ts';
import { Desk } from './desk.ts';
import { type Options, readOptions } from './options.ts';
import { type LostCheck, lossReport, type Measured, table } from './report.ts';
import { type Run, runs } from './runs.ts';
import { runSuite } from './suite.ts';
import { type Way, Ways, wayNames } from './ways.ts';

const clientCommand = `${process.execPath} ${join(import.meta.dirname, 'client', 'main.ts')}`;

interface Ground {
  readonly options: Options;
  readonly urls: Readonly<Record<Way, string>>;
  readonly desk: string;
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Answers the exit code. */
export async function conformance(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = readOptions(args);
  if (options.upstream !== undefined) await mustAnswer(options.upstream, signal);
  const chosen = runs.filter(({ long, half }) => !(long && options.quick) && !(half === 'client' && options.upstream));
  await using everything = options.upstream === undefined ? await Everything.start() : undefined;
  await using ways = await Ways.start();
  await using desk = await Desk.start(ways);
  const folder = join(import.meta.dirname, 'results', new Date().toISOString().replaceAll(':', '-'));
  const urls = await ways.to(options.upstream ?? everything?.url ?? '');
  const ground: Ground = { options, urls, desk: desk.url, folder, signal };
  const measured: Measured[] = [];
  const lost: LostCheck[] = [];
  for (const run of chosen) await measure(run, ground, { measured, lost });
  const known = options.upstream === undefined ? readBaseline() : [];
  const ran = (one: { run: string; way: Way }) =>
    options.ways.includes(one.way) && chosen.some(({ name }) => name === one.run);
  const judged = judge(lost, known, ran);
  console.log(`\n${table(measured, options.ways)}\n\n${lossReport(lost, judged)}\n\nresults: ${folder}`);
  return judged.unknown.length + judged.stale.length === 0 ? 0 : 1;
}

/** Whatever it says: where nobody listens nothing passes directly, and so nothing would be lost. */
async function mustAnswer(url: string, signal: AbortSignal): Promise<void> {
  const asked = fetch(url, {
    method: 'POST',
    body: '{}',
    signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
  });
  const answer = await asked.catch((cause) => {
    throw new Error(`--upstream: nothing answers at ${url}`, { cause });
  });
  await answer.body?.cancel();
}

interface Findings {
  readonly measured: Measured[];
  readonly lost: LostCheck[];
}

async function measure(run: Run, ground: Ground, { measured, lost }: Findings): Promise<void> {
  const counts: Measured['counts'] = {};
  let direct: readonly Check[] = [];
  for (const way of ground.options.ways) {
    const startedAt = performance.now();
    const checks = await runOn(run, way, ground);
    if (way === 'direct') direct = checks;
    const losing = losses(direct, checks);
    counts[way] = count(checks);
    lost.push(...losing.map(({ key, status, error }) => ({ run: run.name, way, check: key, status, error })));
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const { passed, failed } = count(checks);
    console.log(
      `${run.name}, ${wayNames[way]}: ${passed} passed, ${failed} failed, ${losing.length} lost (${seconds} s)`,
    );
  }
  measured.push({ run: run.name, counts });
}

function runOn(run: Run, way: Way, { urls, desk, folder, signal }: Ground): Promise<Check[]> {
  const subject = run.half === 'server' ? ['--url', urls[way]] : ['--command', clientCommand];
  return runSuite(run, {
    subject,
    folder: join(folder, way, run.name.replaceAll(' ', '-')),
    env: { PORTOLAN_CONFORMANCE_DESK: desk, PORTOLAN_CONFORMANCE_WAY: way },
    signal,
  });
}

if (import.meta.main) {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  process.exitCode = await conformance(process.argv.slice(2), stopping.signal).catch((error: Error) => {
    console.error(stopping.signal.aborted ? 'stopped' : error.message);
    return 2;
  });
}
