import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { SpooledRecord, subjects } from '@portolan/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Enrolled } from '../stand-in/enrolled.ts';
import { systemClock } from '../system-clock.ts';
import { shipRest, shipSpool } from './ship-spool.ts';
import { openSpool, type Spool } from './spool.ts';
import { auditRecord } from './test-record.ts';

let own: Enrolled;
let spool: Spool;
const openOwn = (): Promise<Spool> =>
  openSpool({
    folder: `${own.folder}/spool`,
    onFull: 'refuse',
    maxBytes: 64 * 2 ** 20,
    clock: systemClock,
    log: own.log,
  });

beforeEach(async () => {
  own = await Enrolled.begin();
  spool = await openOwn();
});
afterEach(async () => {
  await own.end();
  await spool.close();
});

function ship(): void {
  const { link, identity, log } = own;
  own.run((signal) => shipSpool({ spool, link, identity, clock: systemClock, log, stallMs: 1500 }, signal));
  own.run((signal) => link.run(signal));
}
const until = (condition: () => unknown, timeout = 30_000) => expect.poll(condition, { timeout, interval: 50 });
const append = (from: number, to: number) =>
  Promise.all(Array.from({ length: to - from }, (_none, at) => spool.append(auditRecord({ tool: String(from + at) }))));

/** All that the stream AUDIT holds, by (epoch, seq), and how many messages that is. */
async function streamed(control: NatsConnection): Promise<{ records: SpooledRecord[]; messages: number }> {
  const { streams } = await jetstreamManager(control);
  const { state } = await streams.info('AUDIT');
  const records = new Map<string, SpooledRecord>();
  for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq += 1) {
    const message = await streams.getMessage('AUDIT', { seq });
    for (const record of SpooledRecord.array().max(200).parse(message?.json()))
      records.set(`${record.epoch}:${record.seq}`, record);
  }
  return { records: [...records.values()], messages: state.messages };
}
const tools = (records: readonly SpooledRecord[]): number[] =>
  records.map(({ record }) => Number(record.tool)).toSorted((a, b) => a - b);
const numbers = (to: number): number[] => Array.from({ length: to }, (_none, at) => at);
const watermark = (control: NatsConnection, epoch: string, seq: number): void =>
  control.publish(subjects.watermark('aws'), JSON.stringify({ epoch, seq }));

describe('shipping the spool', () => {
  test('what waited for NATS and what comes after arrives once each; only the watermark frees it', async () => {
    await append(0, 450);
    ship();
    const control = await own.plane.nats.start();
    await until(async () => (await streamed(control)).records.length).toBe(450);
    await append(450, 500);
    await until(async () => (await streamed(control)).records.length).toBe(500);
    const { records } = await streamed(control);
    expect(tools(records)).toEqual(numbers(500));
    expect(spool.state().records).toBe(500);
    const { epoch = '' } = records[0] ?? {};
    watermark(control, epoch, 300);
    await until(() => spool.state().records).toBe(200);
    watermark(control, epoch, 500);
    await until(() => spool.state().records).toBe(0);
  });

  test('a store that forgot everything gets everything again that the watermark has not passed', async () => {
    await append(0, 1000);
    ship();
    const control = await own.plane.nats.start();
    await until(async () => (await streamed(control)).records.length).toBe(1000);
    const { records } = await streamed(control);
    watermark(control, records[0]?.epoch ?? '', 250);
    await until(() => spool.state().records).toBe(750);
    await own.plane.nats.kill();
    await own.plane.nats.wipe();
    const again = await own.plane.nats.start();
    await until(async () => (await streamed(again)).records.length).toBe(750);
    expect(tools((await streamed(again)).records)).toEqual(numbers(1000).slice(250));
  });

  test('without progress only a little is sent again and again; with progress, all of it', async () => {
    await append(0, 1000);
    ship();
    const control = await own.plane.nats.start();
    await until(async () => (await streamed(control)).records.length).toBe(1000);
    const { streams } = await jetstreamManager(control);
    await streams.purge('AUDIT');
    await streams.update('AUDIT', { duplicate_window: 100_000_000 });
    await until(async () => (await streamed(control)).records.length).toBe(200);
    const { records } = await streamed(control);
    expect(tools(records)).toEqual(numbers(200));
    watermark(control, records[0]?.epoch ?? '', 200);
    await until(async () => tools((await streamed(control)).records).at(-1)).toBe(599);
    watermark(control, records[0]?.epoch ?? '', 600);
    await until(async () => tools((await streamed(control)).records).at(-1)).toBe(999);
  });

  test('an orderly end waits until the last record is in the database, and for NATS not at all', async () => {
    await append(0, 10);
    ship();
    const began = performance.now();
    expect(await shipRest({ spool, link: own.link })).toBe(10); // NATS was never there
    expect(performance.now() - began).toBeLessThan(1_000);
    const control = await own.plane.nats.start();
    await until(async () => (await streamed(control)).records.length).toBe(10);
    const ended = shipRest({ spool, link: own.link });
    const { records } = await streamed(control);
    watermark(control, records[0]?.epoch ?? '', 10);
    expect(await ended).toBe(0);
  });

  test('records of a process before this one are shipped too, until they are acknowledged', async () => {
    await append(0, 300);
    await spool.close();
    spool = await openOwn();
    await append(300, 310);
    ship();
    const control = await own.plane.nats.start();
    await until(async () => (await streamed(control)).records.length).toBe(310);
    const { records } = await streamed(control);
    expect(tools(records)).toEqual(numbers(310));
    for (const [epoch, of] of Map.groupBy(records, (record) => record.epoch)) watermark(control, epoch, of.length);
    await until(() => spool.state().records).toBe(0);
    expect(spool.segments().length).toBe(1);
  });
});
