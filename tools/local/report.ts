// What `up` and `status` print at the end. Pure: values in, text out.

import { join, relative } from 'node:path';
import type { StackPlace } from '../stack/index.ts';
import type { LocalFile } from './local-file.ts';
import type { TakenPort } from './ports.ts';

/** Columns as wide as their widest cell; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** @param free A base whose ports are all free. */
export function takenReport(
  stack: string,
  taken: readonly [TakenPort, ...TakenPort[]],
  free: number | undefined,
): string {
  const [{ port, use, holder }, ...others] = taken;
  const holders = new Set(taken.map((one) => one.holder)).size;
  const by = holders === 1 ? 'by the same' : `by ${holders} programs together`;
  const more = others.length === 0 ? [] : [`${others.length} more of its ports are taken, ${by}: ${ranges(others)}.`];
  const option = stack === 'local' ? '' : `--stack ${stack} `;
  const way = `npm run up -- ${option}--port-base ${free ?? 'N'}`;
  return [
    `Port ${port}, which stack ${stack} needs for ${use}, is taken by ${holder}.`,
    ...more,
    `End what holds them, or use other ports${free === undefined ? '' : ', such as these, which are free'}:\n\n  ${way}\n`,
  ].join('\n');
}

/** `18400-18406, 18410` */
function ranges(taken: readonly TakenPort[]): string {
  const runs: [number, number][] = [];
  for (const { port } of taken) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === port - 1) last[1] = port;
    else runs.push([port, port]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(', ');
}

/** The end of `up`: where everything is, and one command that makes the crossing. */
export function upReport(place: StackPlace, local: LocalFile, today: Date): string {
  const tokens = relative(place.checkout, join(place.folder, 'tokens'));
  const rows = [
    ['', 'URL', 'LOOPBACK DOOR', 'TOKEN'],
    ...Object.entries(local.gateways).map(([name, { tlsUrl, url }]) => [
      `gateway ${name}`,
      tlsUrl,
      url,
      join(tokens, 'alice'),
    ]),
    ['control plane', local.controlPlane.tlsUrl, local.controlPlane.url, join(tokens, 'admin')],
  ];
  const ca = `CA of these URLs: ${relative(place.checkout, local.caFile)}; for programs: ${relative(place.checkout, join(place.folder, 'local.json'))}`;
  return [
    '',
    table(rows),
    '',
    ca,
    '',
    'An agent in aws asks for a calendar that only azure can reach:',
    '',
    crossing(place, local, today),
    '',
  ].join('\n');
}

/** The token comes from a file: never an argument, which everyone on the machine could read. */
function crossing(place: StackPlace, local: LocalFile, today: Date): string {
  const call = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'get_calendar_events', arguments: { date: workday(today) } },
  };
  return [
    `curl -s ${local.gateways.aws?.url}/mcp/mcp-m365 \\`,
    `  -H @${relative(place.checkout, join(place.folder, 'tokens', 'alice.header'))} \\`,
    `  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\`,
    `  -d '${JSON.stringify(call)}'`,
  ].join('\n');
}

/** That day, or the Monday after a weekend: calendars are empty on weekends. "yyyy-mm-dd" */
export function workday(day: Date): string {
  const ahead = [1, 0, 0, 0, 0, 0, 2][day.getUTCDay()] ?? 0;
  return new Date(day.getTime() + ahead * 86_400_000).toISOString().slice(0, 10);
}
