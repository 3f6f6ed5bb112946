import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SpooledRecord } from '@portolan/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readBatch } from './read-batch.ts';
import { openSpool, type Spool, type SpoolOptions } from './spool.ts';
import { auditRecord, quietLog, realClock } from './test-record.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spool-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (own: Partial<SpoolOptions> = {}): Promise<Spool> =>
  openSpool({ folder, onFull: 'refuse', maxBytes: 2 ** 20, clock: realClock, log: quietLog, ...own });

/** Every record that would be shipped, segment by segment. */
async function shipped(spool: Spool): Promise<SpooledRecord[]> {
  const all: SpooledRecord[] = [];
  for (const segment of spool.segments()) {
    let cursor = { index: segment.index, offset: 0, seq: Math.max(segment.first, spool.acked(segment.epoch) + 1) };
    for (let batch = await readBatch(segment, cursor, 'aws'); batch; batch = await readBatch(segment, cursor, 'aws')) {
      const records = SpooledRecord.array().parse(JSON.parse(batch.message.toString()));
      expect(records.length).toBeLessThanOrEqual(200);
      expect(records.map(({ seq }) => seq)).toEqual(Array.from(records, (_one, at) => batch.first + at));
      expect([records.at(0)?.epoch, records.at(-1)?.seq]).toEqual([batch.epoch, batch.last]);
      all.push(...records);
      cursor = batch.next;
    }
  }
  return all;
}
const tools = (records: readonly SpooledRecord[]): (string | null)[] => records.map(({ record }) => record.tool);
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_one, at) => String(from + at));

async function fill(spool: Spool, from: number, to: number): Promise<void> {
  await Promise.all(numbers(from, to).map((tool) => spool.append(auditRecord({ tool }))));
}

describe('the spool', () => {
  test('keeps what was appended, in order, over a restart, until the watermark frees it', async () => {
    const first = await open();
    await fill(first, 0, 450);
    await first.close();
    const second = await open();
    await fill(second, 450, 500);
    const records = await shipped(second);
    expect(tools(records)).toEqual(numbers(0, 500));
    expect(new Set(records.map(({ epoch }) => epoch)).size).toBe(2);
    expect(second.state()).toMatchObject({ records: 500, dropped: 0 });

    const [old = ''] = records.map(({ epoch }) => epoch);
    expect(await second.acknowledge({ epoch: old, seq: 100 })).toBe(true);
    expect(await second.acknowledge({ epoch: old, seq: 99 })).toBe(false);
    expect(second.state().records).toBe(400);
    expect(tools(await shipped(second))).toEqual(numbers(100, 500));
    await second.acknowledge({ epoch: old, seq: 9999 });
    expect(tools(await shipped(second))).toEqual(numbers(450, 500));
    expect(await second.acknowledge({ epoch: 'ffffffffffffffff', seq: 5 })).toBe(false);
    await second.acknowledge({ epoch: records.at(-1)?.epoch ?? '', seq: 50 });
    await second.close();
    expect(await readdir(folder)).toEqual([]);
  });

  test('a record of many files stays one epoch without holes', async () => {
    const spool = await open({ maxBytes: 4 * 2 ** 20 });
    for (let at = 0; at < 2000; at += 100) await fill(spool, at, at + 100);
    expect(spool.segments().length).toBeGreaterThan(2);
    const records = await shipped(spool);
    expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: 2000 }, (_one, at) => at + 1));
    expect(new Set(records.map(({ epoch }) => epoch)).size).toBe(1);
    await spool.close();
  });

  test('full under refuse: says so before, refuses after, goes on once freed', async () => {
    const spool = await open();
    while (spool.accepts()) await fill(spool, 0, 50);
    expect(spool.state().bytes).toBeLessThan(2 ** 20);
    const overflow = Array.from({ length: 40 }, () => fill(spool, 0, 50));
    await expect(Promise.all(overflow)).rejects.toThrow(/full/);
    await Promise.allSettled(overflow);
    expect(spool.state().bytes).toBeLessThanOrEqual(2 ** 20);
    const records = await shipped(spool);
    expect(records.map(({ seq }) => seq)).toEqual(Array.from(records, (_one, at) => at + 1));
    await spool.acknowledge({ epoch: records.at(-1)?.epoch ?? '', seq: records.length });
    await expect.poll(() => spool.accepts(), { timeout: 3000 }).toBe(true);
    await fill(spool, 0, 1);
    await spool.close();
  });

  test('full under drop-oldest: never refuses, stays in its bound, counts what it lost, leaves no hole in an epoch', async () => {
    const spool = await open({ onFull: 'drop-oldest' });
    for (let at = 0; at < 6000; at += 50) await fill(spool, at, at + 50);
    const { bytes, records, dropped } = spool.state();
    expect(spool.accepts()).toBe(true);
    expect(bytes).toBeLessThanOrEqual(2 ** 20);
    expect([dropped > 0, records + dropped]).toEqual([true, 6000]);
    const kept = await shipped(spool);
    expect(tools(kept)).toEqual(numbers(dropped, 6000));
    for (const own of Map.groupBy(kept, ({ epoch }) => epoch).values())
      expect(own.map(({ seq }) => seq)).toEqual(Array.from(own, (_one, at) => at + 1));
    await spool.close();
  });

  test('a damaged record is shipped as a record of its loss, the others as they were', async () => {
    const spool = await open();
    await fill(spool, 0, 300);
    await spool.close();
    const [name = ''] = await readdir(folder);
    const content = await readFile(join(folder, name));
    const at = content.indexOf('"tool":"150"');
    content[at + 9] = 0x58;
    await writeFile(join(folder, name), content);

    const again = await open();
    const records = await shipped(again);
    expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: 300 }, (_one, index) => index + 1));
    expect(records[150]?.record).toMatchObject({ code: 'audit_record_damaged', status: 'failed', tool: null });
    expect(tools(records.toSpliced(150, 1))).toEqual([...numbers(0, 150), ...numbers(151, 300)]);
    await again.close();
  });

  test('damage over many records, at the start and at the end of files that others follow, leaves no hole', async () => {
    const spool = await open({ maxBytes: 16 * 2 ** 20 });
    for (let at = 0; at < 6000; at += 100) await fill(spool, at, at + 100);
    await spool.close();
    const names = (await readdir(folder)).sort();
    expect(names.length).toBeGreaterThan(2);
    const path = join(folder, names[1] ?? '');
    const content = await readFile(path);
    content.fill(0, 0, 300_000).fill(0x41, content.length - 5000);
    await writeFile(path, content);
    const again = await open({ maxBytes: 16 * 2 ** 20 });
    const records = await shipped(again);
    expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: 6000 }, (_one, index) => index + 1));
    const lost = records.filter(({ record }) => record.code === 'audit_record_damaged');
    expect(lost.length).toBeGreaterThan(500);
    expect(new Set(lost.map(({ record }) => record.request_id)).size).toBe(lost.length);
    for (const { seq, record } of records) if (record.code === null) expect(record.tool).toBe(String(seq - 1));
    await again.close();
  });

  test('long texts of a caller are cut, so that a record always fits a message', async () => {
    const spool = await open();
    await spool.append(auditRecord({ tool: '\u0000'.repeat(3_000_000), method: 'm'.repeat(9000) }));
    const [only] = await shipped(spool);
    expect(only?.record.tool?.length).toBe(512);
    await spool.close();
  });

  test('a flood of refusals of strangers is bounded, counted, and leaves room for the known', async () => {
    const spool = await open();
    for (let at = 0; at < 5000; at += 1) spool.note(auditRecord({ user: null, tool: String(at) }));
    expect(spool.state()).toMatchObject({ ringDropped: 4000 });
    await fill(spool, 0, 1);
    await expect.poll(() => spool.state().records, { timeout: 3000 }).toBeGreaterThan(20);
    await spool.close();
  });
});

const writer = join(import.meta.dirname, 'test-writer.ts');

describe('a spool whose process is killed', () => {
  test('loses no record whose append had resolved, in 8 kills', { timeout: 60_000 }, async () => {
    let acked = 0;
    for (let round = 0; round < 8; round += 1) {
      const child = spawn(process.execPath, [writer, folder, '1000000'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const done: string[] = [];
      const bound = 300 + Math.floor(Math.random() * 3000);
      for await (const line of createInterface(child.stdout)) {
        done.push(line.replace('ok ', ''));
        if (done.length === bound) child.kill('SIGKILL');
      }
      acked += done.length;
      const spool = await open({ maxBytes: 64 * 2 ** 20 });
      const newest = (await shipped(spool)).filter(({ epoch }) => epoch === spool.segments().at(-1)?.epoch);
      const kept = new Set(tools(newest));
      expect(done.filter((tool) => !kept.has(tool))).toEqual([]);
      expect(newest.map(({ seq }) => seq)).toEqual(Array.from(newest, (_one, at) => at + 1));
      await spool.close();
    }
    expect(acked).toBeGreaterThan(2000);
  });
});

/** A mount namespace of its own: the small disk is gone with the process. */
const inSmallDisk = (command: string): string =>
  execFileSync(
    'unshare',
    ['-m', 'sh', '-c', `mount -t tmpfs -o size=1m tmpfs "$0" && ${command}`, folder, process.execPath, writer],
    {
      encoding: 'utf8',
      maxBuffer: 2 ** 24,
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
const canMount = ((): boolean => {
  try {
    execFileSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!canMount)('a spool on a full disk', () => {
  test('refuse: a short write is cut back, whole records stay, later ones are refused', () => {
    const output = inSmallDisk('"$1" "$2" "$0" 4000 refuse; ls -l "$0"; cat "$0"/*.spool | base64 -w0');
    const lines = output.trim().split('\n');
    const kept = lines.filter((line) => line.startsWith('ok ')).map((line) => line.slice(3));
    expect(kept.length).toBeGreaterThan(500);
    expect(lines.some((line) => line.startsWith('refused '))).toBe(true);
    const state = JSON.parse(lines.find((line) => line.startsWith('end '))?.slice(4) ?? '');
    expect(state).toMatchObject({ records: kept.length, dropped: 0, accepts: false });
    const content = Buffer.from(lines.at(-1) ?? '', 'base64');
    expect(content.length).toBe(state.bytes);
    expect([...content.toString('latin1').matchAll(/"tool":"(\d+)"/g)].map(([, tool]) => tool)).toEqual(kept);
  });

  test('drop-oldest: no call is refused, the loss is counted', () => {
    const lines = inSmallDisk('"$1" "$2" "$0" 4000 drop-oldest').trim().split('\n');
    expect(lines.filter((line) => line.startsWith('ok ')).length).toBe(4000);
    const state = JSON.parse(lines.find((line) => line.startsWith('end '))?.slice(4) ?? '');
    expect(state.records + state.dropped).toBe(4000);
    expect(state.dropped).toBeGreaterThan(0);
  });
});
