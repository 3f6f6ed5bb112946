/** docs/compatibility.md as text. Pure: cells and versions in, Markdown out. */
import { type Action, actionNames, actions } from './actions.ts';
import { type Cell, type Verdict, verdict } from './matrix.ts';

export interface Subject {
  readonly name: string;
  readonly version: string;
  /** One sentence. */
  readonly about?: string;
  /** Why it was not run. */
  readonly absent?: string;
}

export interface Report {
  /** ISO date. */
  readonly date: string;
  readonly seconds: number;
  readonly servers: readonly Subject[];
  readonly clients: readonly Subject[];
  readonly cells: readonly Cell[];
}

const shown: Readonly<Record<Verdict, string>> = { ok: 'ok', cannot: 'cannot', lost: '**lost**' };

export function page(report: Report): string {
  const notes = new Notes();
  const tables = report.servers.map((server) => section(server, report, notes));
  const counted = (which: Verdict) => report.cells.filter((cell) => verdict(cell) === which).length;
  return `# Compatibility

Made by \`npm run compatibility -- --write\` on ${report.date}: real clients and real servers, each action once directly and once through two gateways (entry and
handling gateway, mutual TLS between them, with authentication, filters and audit). ${counted('ok')} pass, ${counted('cannot')} are beyond client or server, ${counted('lost')} are lost.

* **ok**: passes through two gateways, in the same way as directly.
* **cannot**: does not pass directly either; the note says what happened then. That is the evidence that the gateways have no part in it.
* **not run**: the client or server could not be installed where the page was made.

The run took ${Math.round(report.seconds / 60)} minutes on a machine of two cores. \`npm test\` holds the two SDKs against our own servers; this page is for the rest. Python 3.11 or
newer is needed for \`fastmcp\`; everything else comes from npm.

| action | what is demanded |
|---|---|
${actionNames.map((action) => `| ${action} | ${actions[action]} |`).join('\n')}

| client | version | how it is driven |
|---|---|---|
${report.clients.map(({ name, version, about = '' }) => `| ${name} | ${version} | ${about} |`).join('\n')}

The gateways pass both eras through and translate neither into the other: a client of one era alone and a server of the other do not meet.

${tables.join('\n\n')}

## Notes

${notes.list()}
`;
}

function section(server: Subject, report: Report, notes: Notes): string {
  const rows = report.clients.map((client) => {
    const absent = server.absent ?? client.absent;
    const cells = actionNames.map((action) =>
      absent === undefined ? cellText(find(report, server, client, action), notes) : `not run${notes.ref(absent)}`,
    );
    const protocol = find(report, server, client, 'initialise')?.through;
    return `| ${client.name} | ${protocol?.ok ? protocol.how : ''} | ${cells.join(' | ')} |`;
  });
  return `## ${server.name} (${server.version})

${server.about ?? ''}

| client | protocol | ${actionNames.join(' | ')} |
|---|---|${actionNames.map(() => '---|').join('')}
${rows.join('\n')}`;
}

const find = ({ cells }: Report, server: Subject, client: Subject, action: Action): Cell | undefined =>
  cells.find((cell) => cell.server === server.name && cell.client === client.name && cell.action === action);

function cellText(cell: Cell | undefined, notes: Notes): string {
  if (cell === undefined) return 'not run';
  const { directly, through } = cell;
  const judged = verdict(cell);
  if (judged === 'cannot') return `cannot${notes.ref(`Directly: ${quoted(directly)}`)}`;
  if (judged === 'lost')
    return `${shown.lost}${notes.ref(`Directly: ${quoted(directly)}. Through: ${quoted(through)}`)}`;
  if (!directly.ok) return `ok${notes.ref(`Only through the gateways. Directly: ${quoted(directly)}`)}`;
  if (cell.action === 'cancel') return `ok${notes.ref(`How the server was told: ${directly.how}.`)}`;
  return cell.action === 'reconnect' ? `ok${notes.ref(`After the tear ${directly.how}.`)}` : 'ok';
}

/** Ports and temporary names differ from run to run; a page that differs says something. */
function quoted(outcome: Cell['directly']): string {
  const said = outcome.ok ? outcome.how : outcome.why;
  const steady = said
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('`', '’');
  return `\`${steady.slice(0, 300).trim()}\``;
}

/** Each text has one number. */
class Notes {
  readonly #texts: string[] = [];

  ref(text: string): string {
    if (!this.#texts.includes(text)) this.#texts.push(text);
    return ` (${this.#texts.indexOf(text) + 1})`;
  }

  list(): string {
    return this.#texts.map((text, at) => `${at + 1}. ${text.replaceAll('|', '\\|')}`).join('\n');
  }
}
