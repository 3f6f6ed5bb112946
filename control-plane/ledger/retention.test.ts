/** Old audit records go, on a real PostgreSQL; newer ones stay, whatever time they say, and nobody waits. */
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Db, migrate, openDatabase } from '../db/index.ts';
import { until } from '../test/backbone.ts';
import { startTestPostgres, type TestPostgres } from '../test/postgres.ts';
import { Retention } from './retention.ts';

const DAY = 86_400_000;
let server: TestPostgres;
let database: Db;

beforeAll(async () => {
  server = await startTestPostgres();
  const address = await server.schema('retention');
  await migrate(address);
  database = openDatabase(address);
}, 60_000);
afterAll(async () => {
  await database?.close();
  await server?.[Symbol.asyncDispose]();
});

/** `said` is the time in the record, `daysHere` how long ago it arrived. */
const insert = (epoch: string, count: number, { said, daysHere }: { said: Date; daysHere: number }) =>
  sql`INSERT INTO audit_records (gateway, epoch, seq, "timestamp", request_id, trace_id, role, entry_gateway, proxy_hops,
        status, http_status, total_latency_ms, recorded_at)
      SELECT 'aws', ${epoch}, seq, ${said}, ${epoch} || seq, '', 'entry', 'aws', 0, 'success', 200, 1, now() - ${daysHere} * interval '1 day'
      FROM generate_series(1, ${count}::int) AS seq`.execute(database.db);
const left = async (): Promise<Record<string, number>> => {
  const rows = await database.db
    .selectFrom('audit_records')
    .select((eb) => ['epoch', eb.fn.countAll<number>().as('count')])
    .groupBy('epoch')
    .execute();
  return Object.fromEntries(rows.map(({ epoch, count }) => [epoch, Number(count)]));
};

const retain = (deleted: number[]) =>
  new Retention({
    db: database.db,
    keepMs: 400 * DAY,
    onDeleted: (records) => deleted.push(records),
    onTrouble: (doing, error) => {
      throw new Error(doing, { cause: error });
    },
  });

test('what has been here for longer than the bound goes, batch by batch; a locked row is passed over', async () => {
  await insert('old', 2_500, { said: new Date(), daysHere: 401 });
  await insert('late', 5, { said: new Date('1970-01-01'), daysHere: 399 });
  await insert('new', 5, { said: new Date(), daysHere: 0 });
  const deleted: number[] = [];
  const retention = retain(deleted);
  await database.db.transaction().execute(async (trx) => {
    await trx
      .selectFrom('audit_records')
      .select('id')
      .where('epoch', '=', 'old')
      .where('seq', '=', 1)
      .forUpdate()
      .execute();
    retention.start();
    await until(() => deleted.length > 0);
  });
  await retention.stop();
  expect(deleted).toEqual([2_499]);
  expect(await left()).toEqual({ old: 1, late: 5, new: 5 });
});

test('a clock of ours that is years ahead of PostgreSQL deletes nothing', async () => {
  await insert('kept', 5, { said: new Date(), daysHere: 0 });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 4_000 * DAY });
  try {
    const retention = retain([]);
    retention.start();
    await retention.stop(); // what has begun is done
  } finally {
    vi.useRealTimers();
  }
  expect((await left()).kept).toBe(5);
});
