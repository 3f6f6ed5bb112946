/** What a person sees of a run, and the file that a program reads. Writes nothing but the one results file. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { timesNginx, type Verdict } from './goals.ts';
import type { Measured } from './measure.ts';
import type { Run } from './run-description.ts';

const ownResults = join(dirname(fileURLToPath(import.meta.url)), 'results');
const columns = [
  '',
  'calls',
  'failed',
  'calls/s',
  'p50 ms',
  'p90 ms',
  'p99 ms',
  'CPU s/10k',
  'of rounds',
  '× nginx',
  'RSS MB',
];

/** Prints the table, the gaps and one line a goal. */
export function printTable(run: Run, verdicts: readonly Verdict[]): void {
  const { calls, rounds, connections, era } = run.options;
  console.log(
    `\ntools/call of 1 KB, ${era} era, ${connections} connections, ${rounds} interleaved rounds of ${calls} calls`,
  );
  console.log(`${run.machine.cpus} × ${run.machine.model}, Node ${run.node}, ${run.nginx ?? 'no nginx'}\n`);
  for (const line of aligned([columns, ...run.measured.map((one) => row(one, run.measured))])) console.log(line);
  console.log('\nCPU seconds per 10,000 calls, by process (those beside the way are not charged):');
  for (const one of run.measured) console.log(`  ${one.name.padEnd(14)}${byProcess(one)}`);
  for (const { name, firstFailure } of run.measured) if (firstFailure) console.log(`\nFAILED ${name}: ${firstFailure}`);
  if (run.streams?.firstFailure) console.log(`\nFAILED streams, ${run.streams.failed}: ${run.streams.firstFailure}`);
  for (const { name, why } of run.gaps) console.log(`\nGAP ${name}: ${why}`);
  console.log('');
  for (const verdict of verdicts) console.log(sentence(verdict));
}

function row(one: Measured, all: readonly Measured[]): string[] {
  const { p50, p90, p99 } = one.latencyMs;
  const inTheWay = Object.keys(one.residentBytes).length > 0;
  const spread = `${Math.min(...one.cpuByRound).toFixed(2)}–${Math.max(...one.cpuByRound).toFixed(2)}`;
  const cpu = inTheWay ? [one.cpu.toFixed(2), spread, timesNginx(all, one.name)?.toFixed(1) ?? '?'] : ['–', '–', '–'];
  const resident =
    Object.values(one.residentBytes)
      .map((bytes) => (bytes / 1e6).toFixed(0))
      .join(' + ') || '–';
  const counts = [one.calls, one.failed, Math.round(one.callsPerSecond)].map(String);
  return [one.name, ...counts, ...[p50, p90, p99].map((ms) => ms.toFixed(1)), ...cpu, resident];
}

const byProcess = (one: Measured): string =>
  Object.entries(one.cpuByProcess)
    .map(([name, seconds]) => `${name} ${seconds.toFixed(2)}`)
    .join(', ');

/** Columns as wide as their widest cell, the first to the left, the others to the right. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map((cells) => cells.map(cell).join('  '));
}

/** One goal as a sentence. */
export function sentence({ goal, value, limit, unit, reached }: Verdict): string {
  if (value === undefined) return `not measured  ${goal} (goal ≤ ${limit} ${unit})`;
  return `${reached ? 'reached     ' : 'MISSED      '}  ${goal}: ${value.toFixed(1)} ${unit} (goal ≤ ${limit} ${unit})`;
}

/** Writes the run with its verdicts as JSON; answers the path, relative to where the person stands. */
export async function writeResults(run: Run, verdicts: readonly Verdict[]): Promise<string> {
  const results = run.options.results ?? ownResults;
  const path = join(results, `${run.when.replaceAll(':', '-')}.json`);
  await mkdir(results, { recursive: true });
  await writeFile(path, `${JSON.stringify({ ...run, verdicts }, undefined, 2)}\n`);
  return relative(process.cwd(), path);
}
