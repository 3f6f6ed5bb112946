/** The run in words: a table of passes and failures, every check that was lost on a way, and what is wrong with the baseline. */
import type { Judged, Lost } from './baseline.ts';
import type { Count } from './compare.ts';
import { type Way, wayNames } from './ways.ts';

export interface Measured {
  readonly run: string;
  readonly counts: Partial<Record<Way, Count>>;
}
export interface LostCheck extends Lost {
  readonly status: string;
  readonly error: string | undefined;
}

export function table(measured: readonly Measured[], ways: readonly Way[]): string {
  const cells = measured.map(({ run, counts }) => [run, ...ways.map((way) => cell(counts[way]))]);
  const head = ['checks passed / failed', ...ways.map((way) => wayNames[way])];
  const widths = head.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...cells.map(line)].join('\n');
}

const cell = (count: Count | undefined): string => (count ? `${count.passed} / ${count.failed}` : '');

export function lossReport(lost: readonly LostCheck[], { unknown, stale }: Judged<LostCheck>): string {
  if (lost.length === 0 && stale.length === 0) return 'Every check that passes directly passes on every way.';
  const lines = lost.map((one) => {
    const known = unknown.includes(one) ? '' : ' (in the baseline)';
    return `${wayNames[one.way]}, ${one.run}: ${one.check}: ${one.status}${known}${one.error ? `\n    ${one.error.slice(0, 500)}` : ''}`;
  });
  const old = stale.map(({ way, run, check }) => `the baseline names what is not lost: ${way}, ${run}: ${check}`);
  return [...lines, ...old].join('\n');
}
