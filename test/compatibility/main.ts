/**
 * `npm run compatibility`: installs the clients and servers that the checkout does not bring, runs the whole matrix, prints it, and with
 * `--write` makes docs/compatibility.md of it. Exit 1 when something that passes directly does not pass through two gateways.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Interrupted, interruptible } from '../../tools/start/interrupt.mjs';
import { gatherCast } from './gather-cast.ts';
import { Harbour } from './harbour.ts';
import { type Cell, runMatrix, verdict } from './matrix.ts';
import { page, type Report } from './page.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, '.portolan', 'compatibility');

try {
  const report = await interruptible(run);
  for (const line of summary(report)) console.log(line);
  if (process.argv.includes('--write')) {
    writeFileSync(join(root, 'docs', 'compatibility.md'), page(report));
    console.log('docs/compatibility.md written');
  }
  if (report.cells.some((cell) => verdict(cell) === 'lost')) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof Interrupted)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}

async function run(signal: AbortSignal): Promise<Report> {
  const { clients, servers, absentClients, absentServers } = await gatherCast(folder, signal);
  const started = performance.now();
  await using harbour = await Harbour.open(servers);
  const total = clients.length * servers.length;
  console.log(`${clients.length} clients × ${servers.length} servers, ${total * 9} cells, each by two ways:`);
  const cells = await runMatrix({ harbour, servers, clients, signal, done: sayCell });
  return {
    date: new Date().toISOString().slice(0, 10),
    seconds: (performance.now() - started) / 1_000,
    servers: [...servers, ...absentServers],
    clients: [...clients, ...absentClients],
    cells,
  };
}

function sayCell(cell: Cell): void {
  const { directly, through } = cell;
  const said = { ok: 'ok    ', cannot: 'cannot', lost: 'LOST  ' }[verdict(cell)];
  const why = [directly, through].map((one) => (one.ok ? one.how : one.why.replaceAll(/\s+/g, ' ').slice(0, 160)));
  const detail = why[0] === why[1] ? why[0] : why.join(' → ');
  console.log(`${said} ${cell.server} · ${cell.client} · ${cell.action}: ${detail}`);
}

function* summary({ cells, clients, servers, seconds }: Report): Generator<string> {
  const counts = { ok: 0, cannot: 0, lost: 0 };
  for (const cell of cells) counts[verdict(cell)] += 1;
  yield `\n${cells.length} cells in ${Math.round(seconds)} s: ${counts.ok} ok, ${counts.cannot} cannot directly either, ${counts.lost} lost`;
  for (const cell of cells) if (verdict(cell) === 'lost') yield `LOST ${cell.server} · ${cell.client} · ${cell.action}`;
  for (const { name, absent } of [...clients, ...servers]) {
    if (absent !== undefined) yield `NOT RUN ${name}: ${absent}`;
  }
}
