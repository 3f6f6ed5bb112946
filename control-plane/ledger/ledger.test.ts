/** Audit on its way from a gateway's NATS connection into PostgreSQL and back as a watermark, with both of them dying. */
import { randomBytes } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type AuditRecord, subjects, type Watermark } from '@portolan/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestBackbone, type TestBackbone, until } from '../test/backbone.ts';
import { connectAsGateway } from '../test/gateway-client.ts';
import { type Enrolled, enrolGateway } from '../test/world.ts';
import { batches } from './batches.ts';

let plane: TestBackbone;
let aws: Enrolled;
let nc: NatsConnection;
const watermarks: Watermark[] = [];

beforeAll(async () => {
  plane = await startTestBackbone();
  aws = await enrolGateway(plane, 'aws');
  await until(() => plane.backbone().nats.connected());
  nc = await connect();
}, 120_000);
afterAll(async () => {
  await nc?.close();
  await plane?.[Symbol.asyncDispose]();
});

async function connect(): Promise<NatsConnection> {
  const connection = await connectAsGateway(plane.config, aws.keys, aws.identity);
  connection.subscribe(subjects.watermark('aws'), {
    callback: (_error, message) => void watermarks.push(message.json()),
  });
  await connection.flush();
  return connection;
}

const record = (seq: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
  timestamp: '2026-01-02T03:04:05.678Z',
  request_id: `request-${seq}`,
  trace_id: 'trace',
  role: 'entry',
  gateway: 'aws',
  entry_gateway: 'aws',
  handling_gateway: null,
  proxy_hops: 0,
  user: 'alice',
  principal_kind: 'user',
  token_id: null,
  mcp_server: 'm365',
  method: 'tools/call',
  tool: 'get',
  status: 'success',
  http_status: 200,
  code: null,
  total_latency_ms: 1.5,
  ...more,
});
const spooled = (epoch: string, seqs: readonly number[], more: Partial<AuditRecord> = {}) =>
  seqs.map((seq) => ({ epoch, seq, record: record(seq, more) }));
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** As a gateway ships: acknowledged by the stream, recognised by its id. */
async function ship(epoch: string, seqs: readonly number[], more: Partial<AuditRecord> = {}): Promise<void> {
  const msgID = `aws:${epoch}:${seqs[0]}:${seqs.at(-1)}:${Math.random()}`;
  await shipAll(spooled(epoch, seqs, more), msgID);
}
async function shipAll(records: readonly unknown[], msgID = `aws:${Math.random()}`): Promise<void> {
  await jetstream(nc, { timeout: 3_000 }).publish(subjects.audit('aws'), JSON.stringify(records), { msgID });
}
const rows = (epoch: string) =>
  plane.database.db.selectFrom('audit_records').selectAll().where('epoch', '=', epoch).orderBy('seq').execute();
const told = (epoch: string, seq: number): boolean => watermarks.some((one) => one.epoch === epoch && one.seq === seq);

test('records arrive as they were, once each however often they are sent, and the watermark follows', async () => {
  await ship('once', range(1, 200));
  await ship('once', range(100, 250));
  await ship('once', range(1, 200));
  await until(() => told('once', 250));
  const found = await rows('once');
  expect(found.map(({ seq }) => seq)).toEqual(range(1, 250));
  const [first] = found;
  expect({ ...first, timestamp: first?.timestamp.toISOString() }).toMatchObject(record(first?.seq ?? 0));
});

test('the watermark stops at a hole and jumps when it is filled', async () => {
  await ship('hole', range(1, 3));
  await ship('hole', range(6, 9));
  await until(async () => (await rows('hole')).length === 7);
  await until(() => told('hole', 3));
  expect(watermarks.filter(({ epoch }) => epoch === 'hole').every(({ seq }) => seq === 3)).toBe(true);
  await ship('hole', [5, 4]);
  await until(() => told('hole', 9));
});

test('an epoch whose beginning never came has watermark 0', async () => {
  await ship('headless', range(5, 6));
  await until(() => told('headless', 0));
});

describe('what no honest gateway sends', () => {
  test('is dropped with an alarm, and stops nobody', async () => {
    const js = jetstream(nc, { timeout: 3_000 });
    const before = plane.alarms.length;
    for (const body of [
      JSON.stringify(spooled('forged', [1], { gateway: 'azure' })),
      JSON.stringify([...spooled('forged', [1]), ...spooled('forged', [2], { gateway: 'azure' })]),
      JSON.stringify([{ epoch: 'forged', seq: 0, record: record(0) }]),
      JSON.stringify([{ record: record(1) }]),
      '{',
      '[]',
    ])
      await js.publish(subjects.audit('aws'), body);
    await ship('after', [1]);
    await until(() => told('after', 1));
    await until(() => plane.alarms.length === before + 6);
    expect(await rows('forged')).toEqual([]);
  });

  test('names that PostgreSQL could not store are made storable', async () => {
    await ship('odd', [1], { tool: 'a\0b\ud800c', user: '\u{1F600}' });
    await until(() => told('odd', 1));
    expect(await rows('odd')).toMatchObject([{ tool: 'a\uFFFDb\uFFFDc', user: '\u{1F600}' }]);
  });
});

describe('one bad record holds up no other', () => {
  const LONG = randomBytes(3750).toString('base64'); // 5000 characters that do not compress
  // `seq` 2 and 4 of five are bad
  const among = (epoch: string, bad: Partial<Record<keyof AuditRecord, unknown>>) =>
    range(1, 5).map((seq) => ({ epoch, seq, record: { ...record(seq), ...(seq % 2 === 0 ? bad : {}) } }));
  const damaged = { code: 'audit_record_damaged', status: 'failed', gateway: 'aws', tool: null, user: null };

  test('longer than PostgreSQL can index: cut, and stored like any other', async () => {
    const long = {
      tool: LONG,
      method: LONG,
      user: LONG,
      mcp_server: LONG,
      code: LONG,
      request_id: LONG,
      trace_id: LONG,
    };
    await shipAll(among('long', long));
    await until(() => told('long', 5));
    await ship('long', [6, 7]);
    await until(() => told('long', 7));
    const found = await rows('long');
    expect(found.map(({ seq, code }) => [seq, code === 'audit_record_damaged'])).toEqual(
      range(1, 7).map((seq) => [seq, false]),
    );
    expect(found[1]?.tool).toBe(`${LONG.slice(0, 511)}…`);
    for (const text of Object.values(found[1] ?? {})) expect(String(text).length).toBeLessThanOrEqual(512);
  });

  test('of the widest characters, too', async () => {
    const wide = String.fromCharCode(
      ...Array.from({ length: 5000 }, () => 0x4e00 + Math.floor(Math.random() * 20_000)),
    );
    await shipAll(
      among('wide', { tool: wide, user: wide, mcp_server: wide, code: wide, status: 'failed', request_id: wide }),
    );
    await until(() => told('wide', 5));
    expect((await rows('wide')).every(({ code }) => code !== 'audit_record_damaged')).toBe(true);
  });

  test('refused by PostgreSQL: what remains of it is that it was there, and an alarm', async () => {
    const before = plane.alarms.length;
    await shipAll(among('refused', { timestamp: '0000-01-01T00:00:00Z' }));
    await until(() => told('refused', 5));
    const found = await rows('refused');
    expect(found.map(({ code }) => code)).toEqual([null, damaged.code, null, damaged.code, null]);
    expect(found[1]).toMatchObject({ ...damaged, request_id: 'request-2', trace_id: 'trace', role: 'entry' });
    expect(found[1]?.timestamp.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(plane.alarms.slice(before)).toEqual([expect.stringMatching(/^audit\.aws\.records: .*out of range/)]);
  });

  test('of a form that we do not know: the same', async () => {
    const before = plane.alarms.length;
    await shipAll(among('unread', { timestamp: 'yesterday', proxy_hops: 'many', request_id: 7 }));
    await until(() => told('unread', 5));
    const found = await rows('unread');
    expect(found.map(({ code }) => code)).toEqual([null, damaged.code, null, damaged.code, null]);
    expect(found[1]).toMatchObject({ ...damaged, request_id: 'damaged:aws:unread:2', trace_id: 'trace' });
    expect(plane.alarms).toHaveLength(before + 1);
  });

  test('without a place of its own: the others arrive', async () => {
    await shipAll([...spooled('placeless', [1]), { record: record(2) }, 'nonsense', ...spooled('placeless', [2])]);
    await until(() => told('placeless', 2));
  });
});

describe('an outage loses nothing', () => {
  test('PostgreSQL away: the stream holds the records, and no watermark moves', async () => {
    await plane.postgres.kill();
    for (let i = 0; i < 10; i += 1) await ship('pg', range(i * 20 + 1, i * 20 + 20));
    expect(watermarks.some(({ epoch }) => epoch === 'pg')).toBe(false);
    await plane.restart(); // what was only in our memory is gone
    await plane.postgres.start();
    await until(() => told('pg', 200), 30_000);
    expect((await rows('pg')).map(({ seq }) => seq)).toEqual(range(1, 200));
  }, 60_000);

  test('our own end between insert and acknowledgement: they come again and are the same', async () => {
    const shipping = (async () => {
      for (let i = 0; i < 20; i += 1) await ship('restart', range(i * 10 + 1, i * 10 + 10));
    })();
    await plane.restart();
    await shipping;
    await until(() => told('restart', 200), 60_000);
    expect((await rows('restart')).map(({ seq }) => seq)).toEqual(range(1, 200));
  }, 90_000);

  test('NATS killed and wiped: what the gateway sends again after it arrives once', async () => {
    await ship('wipe', range(1, 50));
    await nc.close();
    await plane.nats.kill();
    await plane.wipeNats();
    await plane.nats.start();
    nc = await until(() => connect().catch(() => undefined), 20_000);
    await until(
      () =>
        ship('wipe', range(1, 80)).then(
          () => true,
          () => false,
        ),
      20_000,
    );
    await until(() => told('wipe', 80), 30_000);
    expect((await rows('wipe')).map(({ seq }) => seq)).toEqual(range(1, 80));
  }, 90_000);
});

describe('reports', () => {
  const report = (replica: string, more = {}) => ({
    gateway: 'aws',
    replica,
    version: '0.1.0',
    appliedRevision: 3,
    digest: 'd',
    appliedAt: 1,
    certificateNotAfter: 2,
    spool: { bytes: 10, records: 5, dropped: 0 },
    ...more,
  });
  const replicaOf = async () =>
    plane.database.db
      .selectFrom('gateway_replicas')
      .select(['replica', 'report', 'reported_at'])
      .executeTakeFirstOrThrow();

  test('are kept for the replica, and answered with the watermarks while records wait', async () => {
    const { replica } = await replicaOf();
    watermarks.length = 0;
    nc.publish(subjects.report('aws'), JSON.stringify(report(replica)));
    await until(async () => (await replicaOf()).reported_at !== null);
    expect((await replicaOf()).report).toEqual(report(replica));
    await until(() => told('hole', 9) || told('wipe', 80));
  });

  test('of another gateway or of nobody known change nothing', async () => {
    const before = await replicaOf();
    const { length } = plane.alarms;
    nc.publish(subjects.report('aws'), JSON.stringify(report(before.replica, { gateway: 'azure' })));
    nc.publish(subjects.report('aws'), 'nonsense');
    nc.publish(subjects.report('aws'), JSON.stringify(report('unknown')));
    await until(() => plane.alarms.length === length + 2);
    expect(await replicaOf()).toEqual(before);
  });

  test('counters go to whoever keeps them, under the name that the subject says', async () => {
    nc.publish(subjects.metrics('aws'), JSON.stringify({ replica: 'r', counters: { 'x{a="b"}': 3 } }));
    await until(() => plane.metrics.length > 0);
    expect(plane.metrics).toEqual([{ gateway: 'aws', body: { replica: 'r', counters: { 'x{a="b"}': 3 } } }]);
  });
});

test('batches take what is there and wait for nothing', async () => {
  const later = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<number> {
    yield 1;
    yield 2;
    yield 3;
    await later.promise;
    yield 4;
  }
  const found: number[][] = [];
  for await (const batch of batches(source(), 2)) {
    found.push(batch);
    if (found.length === 2) later.resolve();
  }
  expect(found).toEqual([[1, 2], [3], [4]]);
});
