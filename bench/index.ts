/**
 * `npm run bench`: what a call costs directly, through nginx, through one gateway and through two, in one run, as ratios
 * to nginx; how fast a registration change reaches every gateway; what streams cost in memory, and lists in time. Prints a table, writes bench/results/<time>.json.
 * What cannot run here (no nginx, no federation) is a gap that is named, never a number that is missing silently.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verdicts } from './goals.ts';
import { measureLists } from './lists.ts';
import type { Loaded, Order } from './load.ts';
import { measureInRounds } from './measure.ts';
import { readOptions, usage } from './options.ts';
import { printTable, writeResults } from './report.ts';
import { describeRun } from './run-description.ts';
import { startTargets } from './targets.ts';
import { WorkerProcess } from './worker-process.ts';

/** Answers the exit code. When `signal` aborts it takes down what it has started, and rejects. */
export async function bench(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = readOptions(args);
  if (options === 'help') {
    console.log(usage);
    return 0;
  }
  const dir = await mkdtemp(join(tmpdir(), 'portolan-bench-'));
  try {
    await using targets = await startTargets(options, dir, signal);
    await using load = await WorkerProcess.start<Order, Loaded>('./load.ts');
    const measured = await measureInRounds(targets.all, { load, options, signal });
    const changes = await targets.measureChanges?.(options.changes, signal);
    const streams = await targets.measureStreams?.(options.streams, signal);
    const lists = measureLists();
    const run = { ...describeRun(options, targets), measured, changes, streams, lists };
    printTable(run, verdicts(run));
    console.log(`\nresults: ${await writeResults(run, verdicts(run))}`);
    const missed = verdicts(run).some(({ reached }) => reached !== true);
    const failed = measured.some((one) => one.failed > 0) || (streams?.failed ?? 0) > 0;
    return failed || (options.strict && missed) ? 1 : 0;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  process.exitCode = await bench(process.argv.slice(2), stopping.signal).catch((error: Error) => {
    console.error(stopping.signal.aborted ? 'stopped; what was started has been taken down' : error.message);
    return 2;
  });
}
