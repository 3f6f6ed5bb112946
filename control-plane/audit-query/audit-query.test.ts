/** The audit as the API answers it, against a naive model: one row a request, whatever has arrived, page by page, while more arrives. */
import type { AuditRecord, AuditRow } from '@portolan/core';
import { CompiledQuery } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/api.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';

let server: TestPostgres;
let api: TestApi;
let seq = 0;

beforeAll(async () => {
  server = await startTestPostgres();
  api = await startTestApi(await server.schema('audit'));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(() => api.reset());

const START = Date.parse('2026-01-01T00:00:00.000Z');
const at = (ms: number): string => new Date(START + ms).toISOString();

const record = (more: Partial<AuditRecord>): AuditRecord => ({
  timestamp: at(0),
  request_id: 'r',
  trace_id: 't',
  role: 'entry',
  gateway: more.role === 'handling' ? 'azure' : 'aws',
  entry_gateway: 'aws',
  handling_gateway: 'azure',
  proxy_hops: 1,
  user: 'alice',
  principal_kind: 'user',
  token_id: 'abcdefghij',
  mcp_server: 'mcp-m365',
  method: 'tools/call',
  tool: 'get_calendar_events',
  status: 'success',
  http_status: 200,
  code: null,
  total_latency_ms: 12.5,
  ...more,
});

async function arrive(...records: AuditRecord[]): Promise<void> {
  const rows = records.map(({ timestamp, ...rest }) => {
    seq += 1;
    return { ...rest, timestamp: new Date(timestamp), epoch: 'e', seq };
  });
  await api.db.insertInto('audit_records').values(rows).execute();
}

const query = async (text: string): Promise<{ items: AuditRow[]; next?: string }> => {
  const reply = await api.ask('GET', `/audit?${text}`);
  expect(reply.status, JSON.stringify(reply.body)).toBe(200);
  return reply.body;
};

async function everyPage(text: string, between: () => Promise<void> = async () => {}): Promise<AuditRow[]> {
  const rows: AuditRow[] = [];
  let next: string | undefined = '';
  while (next !== undefined) {
    const page: { items: AuditRow[]; next?: string } = await query(
      `${text}${next && `&cursor=${encodeURIComponent(next)}`}`,
    );
    rows.push(...page.items);
    next = page.next;
    await between();
  }
  return rows;
}

describe('one row a request', () => {
  test("the entry's record, with both under hops; no role, no place in the spool", async () => {
    const entry = record({ timestamp: at(0) });
    const handling = record({ timestamp: at(3), role: 'handling', total_latency_ms: 7 });
    await arrive(handling, entry);
    const { items, next } = await query('');
    const { role: _, ...row } = entry;
    expect(items).toEqual([{ ...row, hops: [entry, handling] }]);
    expect(next).toBeUndefined();
  });

  test('seen by the handling gateway alone, it is shown; when the entry arrives, that is the row', async () => {
    await arrive(record({ timestamp: at(3), role: 'handling' }));
    expect((await query('')).items).toMatchObject([{ timestamp: at(3), hops: [{ gateway: 'azure' }] }]);
    await arrive(record({ timestamp: at(0) }));
    expect((await query('')).items).toMatchObject([
      { timestamp: at(0), hops: [{ gateway: 'aws' }, { gateway: 'azure' }] },
    ]);
  });

  test('two gateways that claim the same request are one row: the first that came', async () => {
    await arrive(record({ tool: 'first' }), record({ tool: 'second', gateway: 'evil', entry_gateway: 'evil' }));
    const { items } = await query('');
    expect(items).toMatchObject([{ tool: 'first' }]);
    expect(items[0]?.hops).toHaveLength(2);
  });
});

describe('pages', () => {
  test('newest first, each row once, no next at the end, in every size', async () => {
    const ids = Array.from({ length: 10 }, (_, i) => `r${i}`);
    // two and two at the same instant: the order must still be total
    for (const [i, request_id] of ids.entries())
      await arrive(
        record({ request_id, timestamp: at(Math.floor(i / 2)) }),
        record({ request_id, timestamp: at(Math.floor(i / 2) + 1), role: 'handling' }),
      );
    for (const limit of [1, 3, 5, 10, 11])
      expect((await everyPage(`limit=${limit}`)).map((row) => row.request_id)).toEqual(ids.toReversed());
  });

  test('stand still while records arrive: newer, older, and the missing half of what was shown', async () => {
    for (let i = 0; i < 9; i += 1)
      await arrive(record({ request_id: `r${i}`, timestamp: at(i * 10), role: i % 3 === 0 ? 'handling' : 'entry' }));
    const before = (await everyPage('limit=500')).map((row) => row.request_id);
    let turn = 0;
    const seen = await everyPage('limit=2', async () => {
      turn += 1;
      await arrive(
        record({ request_id: `new${turn}`, timestamp: at(1_000 + turn) }),
        record({ request_id: `late${turn}`, timestamp: at(turn) }),
        record({ request_id: `r${6 - turn}`, timestamp: at((6 - turn) * 10 - 5) }),
        record({ request_id: 'r6', timestamp: at(1) }),
      );
    });
    expect(seen.map((row) => row.request_id)).toEqual(before);
  });

  test.each([
    ['limit=0', 'limit: expected a whole number from 1 to 500; got "0"'],
    ['limit=501', 'limit: expected a whole number from 1 to 500; got "501"'],
    ['limit=x', 'limit: expected a whole number from 1 to 500; got "x"'],
    ['limit=1&limit=2', 'limit: expected a whole number from 1 to 500; got ["1","2"]'],
    ['cursor=abc', 'cursor: expected the "next" of an earlier answer, unchanged.'],
    [
      `cursor=${Buffer.from('[1,2]').toString('base64url')}`,
      'cursor: expected the "next" of an earlier answer, unchanged.',
    ],
    ['since=yesterday', 'since: expected a time as 2026-01-31T12:00:00Z; got "yesterday"'],
    ['status=great', 'status: Invalid option: expected one of "success"|"refused"|"failed"; got "great"'],
    [
      'usr=alice',
      'usr: there is no such parameter; expected limit, cursor, user, mcp_server, tool, status, entry_gateway, handling_gateway, code, request_id, trace_id, since, until',
    ],
  ])('%s is refused: the parameter, what was expected, what was given', async (text, message) => {
    const path = text.slice(0, text.indexOf('='));
    expect(await api.ask('GET', `/audit?${text}`)).toEqual(
      expect.objectContaining({ status: 400, body: { error: { code: 'invalid_parameter', message, path } } }),
    );
  });
});

describe('filters', () => {
  const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  let state = 42;
  /** xorshift: the same worlds at each run. */
  const random = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const someRecord = (request_id: string, role: 'entry' | 'handling'): AuditRecord => {
    const status = pick<AuditRecord['status']>('success', 'refused', 'failed');
    return record({
      request_id,
      role,
      timestamp: at(Math.floor(random() * 50)),
      user: pick('alice', 'bob', null),
      mcp_server: pick('mcp-m365', 'mcp-devops', null),
      tool: pick('a', 'b', null),
      entry_gateway: pick('aws', 'gcp'),
      handling_gateway: pick('azure', 'aws', null),
      trace_id: pick('t1', 't2'),
      status,
      code: status === 'success' ? null : pick('no_grant', 'peer_down'),
    });
  };

  /** What the API should answer, said as plainly as possible. */
  const model = (all: readonly AuditRecord[], matches: (row: AuditRecord) => boolean): string[] =>
    [...Map.groupBy(all, (one) => one.request_id).values()]
      .map((hops) => hops.find((hop) => hop.role === 'entry') ?? (hops[0] as AuditRecord))
      .filter(matches)
      .toSorted((a, b) => (`${b.timestamp} ${b.request_id}` < `${a.timestamp} ${a.request_id}` ? -1 : 1))
      .map((row) => row.request_id);

  test('agree with the model, alone and together', async () => {
    const all: AuditRecord[] = [];
    for (let i = 0; i < 120; i += 1)
      for (const role of pick(['entry'], ['handling'], ['entry', 'handling'], ['handling', 'entry']))
        all.push(someRecord(`r${i}`, role as 'entry'));
    await arrive(...all);
    const choices = {
      user: ['alice', 'bob'],
      mcp_server: ['mcp-m365', 'mcp-devops'],
      tool: ['a', 'b'],
      status: ['success', 'refused'],
      entry_gateway: ['aws', 'gcp'],
      handling_gateway: ['azure', 'aws'],
      code: ['no_grant', 'peer_down'],
      trace_id: ['t1', 't2'],
      request_id: ['r1', 'r2', 'r404'],
    } as const;
    const filters = Object.entries(choices) as [keyof AuditRecord, readonly string[]][];
    for (let round = 0; round < 60; round += 1) {
      const chosen = filters.filter(() => random() < 0.25).map(([key, values]) => [key, pick(...values)] as const);
      const since = random() < 0.3 ? at(Math.floor(random() * 50)) : undefined;
      const until = random() < 0.3 ? at(Math.floor(random() * 50)) : undefined;
      const matches = (row: AuditRecord): boolean =>
        chosen.every(([key, value]) => row[key] === value) &&
        (since === undefined || row.timestamp >= since) &&
        (until === undefined || row.timestamp < until);
      const text = new URLSearchParams([
        ...chosen.map(([k, v]) => [k, v]),
        ...(since ? [['since', since]] : []),
        ...(until ? [['until', until]] : []),
      ] as [string, string][]);
      expect(
        (await everyPage(`limit=7&${text}`)).map((row) => row.request_id),
        String(text),
      ).toEqual(model(all, matches));
    }
  });
});

test('a page costs a page, not the table', async () => {
  // 60 000 records of 30 000 requests
  await run(`INSERT INTO audit_records (gateway, epoch, seq, "timestamp", request_id, trace_id, role, entry_gateway, handling_gateway, proxy_hops,
      "user", mcp_server, tool, status, http_status, code, total_latency_ms)
    SELECT CASE WHEN i % 2 = 0 THEN 'aws' ELSE 'azure' END, 'bulk', i, timestamptz '2026-01-01' + i * interval '1 ms', 'r' || i / 2, 't' || i / 2,
      CASE WHEN i % 2 = 0 THEN 'entry' ELSE 'handling' END, 'aws', 'azure', 1, 'user' || i / 2 % 100, 'mcp-m365', 'tool' || i / 2 % 10,
      CASE WHEN i / 2 % 1000 = 0 THEN 'refused' ELSE 'success' END, 200, CASE WHEN i / 2 % 1000 = 0 THEN 'no_grant' END, 1
    FROM generate_series(2, 60001) AS i`);
  await run('ANALYZE audit_records');
  const before = await sequentialReads();
  for (const text of PLAIN_QUESTIONS) expect((await query(text)).items.length, text).toBeGreaterThan(0);
  expect(await sequentialReads(), 'sequential scans of the table').toBe(before);
});

const PLAIN_QUESTIONS = [
  '',
  'user=user7',
  'mcp_server=mcp-m365',
  'tool=tool3',
  'status=refused',
  'code=no_grant',
  'request_id=r77',
  'trace_id=t77',
  'entry_gateway=aws&since=2026-01-01T00:00:30Z',
];

const run = (text: string) => api.db.executeQuery<{ n: number }>(CompiledQuery.raw(text));

/** Every pooled connection keeps its counts for a while; ours are asked to hand them over. */
async function sequentialReads(): Promise<number> {
  await Promise.all(Array.from({ length: 10 }, () => run('SELECT pg_stat_force_next_flush(), pg_sleep(0.05)')));
  const { rows } = await run(
    `SELECT seq_scan::int AS n FROM pg_stat_user_tables WHERE relname = 'audit_records' AND schemaname = 'audit'`,
  );
  return rows[0]?.n ?? -1;
}
