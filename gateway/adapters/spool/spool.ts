/**
 * The audit spool: records on disk until the control plane has them in PostgreSQL. Appends are grouped into one write; shipping is
 * ship-spool.ts's. Under `refuse` a full spool stops authenticated calls; under `drop-oldest` it forgets its oldest file, counted.
 * Invariant: seq is contiguous within an epoch and given only to what was written; only a watermark frees a record.
 */
import { randomBytes } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import type { AuditRecord, Watermark } from '@portolan/core';
import type { AuditLog, Clock, Log } from '../../ports.ts';
import { Listeners } from '../listeners.ts';
import { frameJson, framePrefix, HEADER_BYTES, writeFrame } from './frame.ts';
import { Ring } from './ring.ts';
import { recoverSegments, type Segment, segmentPath } from './segment.ts';
import { SegmentWriter } from './segment-writer.ts';

export interface SpoolOptions {
  readonly folder: string;
  readonly onFull: 'refuse' | 'drop-oldest';
  /** Bytes on disk. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SpoolState {
  readonly bytes: number;
  /** Written and not yet under the watermark. */
  readonly records: number;
  /** Lost to a full spool since start. */
  readonly dropped: number;
  /** Lost to a full ring since start. */
  readonly ringDropped: number;
}

interface Batch {
  readonly records: string[];
  readonly written: PromiseWithResolvers<void>;
}

const MAX_SEGMENT_BYTES = 4 * 2 ** 20;
const SCRATCH_BYTES = 256 * 1024;
/** Room for calls under way when the spool closes its door. */
const MAX_RESERVE_BYTES = 2 ** 20;
const RETRY_FULL_DISK_MS = 1000;
const LONG_RECORD = 8192;
const CUT_TEXT = 512;
const RING_BOUND = 1000;
const RING_EVERY_MS = 100;
const RING_AT_ONCE = 20;

/** Opens the folder, cuts torn tails, starts a new epoch beside what is still to be shipped. Throws where the folder cannot be used. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  return new Spool(options, await recoverSegments(options.folder));
}

export class Spool implements AuditLog {
  readonly #options: SpoolOptions;
  readonly #segments: Segment[];
  readonly #acked = new Map<string, number>();
  readonly #appended: Listeners;
  readonly #ring = new Ring<AuditRecord>(RING_BOUND);
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  readonly #segmentBytes: number;
  #epoch = newEpoch();
  #prefix = '';
  #writer: SegmentWriter | undefined;
  #batch: Batch | undefined;
  #flushing: Promise<void> | undefined;
  #ringTimer: NodeJS.Timeout | undefined;
  #bytes: number;
  #dropped = 0;
  #refusesUntil = 0;
  #closed = false;

  constructor(options: SpoolOptions, segments: Segment[]) {
    this.#options = options;
    this.#segments = segments;
    this.#bytes = segments.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.floor(options.maxBytes / 16));
    this.#appended = new Listeners((error) => options.log.error({ err: error }, 'a listener of the spool failed'));
  }

  accepts(): boolean {
    if (this.#closed) return false;
    if (this.#options.onFull === 'drop-oldest') return true;
    const reserve = Math.min(MAX_RESERVE_BYTES, this.#options.maxBytes / 8);
    return this.#bytes < this.#options.maxBytes - reserve && this.#options.clock.monotonic() >= this.#refusesUntil;
  }

  /** Rejects where the record could not be kept and the spool must not lose any. */
  append(record: AuditRecord): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the spool is closed'));
    this.#batch ??= newBatch();
    const { records, written } = this.#batch;
    records.push(encode(record));
    // the next turn of the event loop: everything that ends in this one goes into one write
    this.#flushing ??= new Promise((resolve) => setImmediate(resolve)).then(() => this.#flush());
    return written.promise;
  }

  note(record: AuditRecord): void {
    this.#ring.push(record);
    this.#ringTimer ??= setInterval(() => this.#drainRing(), RING_EVERY_MS).unref();
  }

  state(): SpoolState {
    const records = this.#segments.reduce((sum, segment) => sum + this.#pending(segment), 0);
    return { bytes: this.#bytes, records, dropped: this.#dropped, ringDropped: this.#ring.dropped };
  }

  /** Oldest first; the last one may still grow. */
  segments(): readonly Readonly<Segment>[] {
    return this.#segments;
  }

  /** Highest seq of the epoch that is in PostgreSQL; 0 = none. */
  acked(epoch: string): number {
    return this.#acked.get(epoch) ?? 0;
  }

  onAppend(listener: () => void): () => void {
    return this.#appended.add(listener);
  }

  /** Frees every file that lies under the watermark. True where it moved. */
  async acknowledge({ epoch, seq }: Watermark): Promise<boolean> {
    const last = this.#segments.reduce((most, own) => (own.epoch === epoch ? Math.max(most, own.last) : most), 0);
    const upTo = Math.min(seq, last);
    if (upTo <= this.acked(epoch)) return false;
    this.#acked.set(epoch, upTo);
    const newest = this.#segments.at(-1);
    const done = this.#segments.filter((own) => own !== newest && own.epoch === epoch && own.last <= upTo);
    for (const segment of done) await this.#forget(segment);
    return true;
  }

  /** Writes what waits, the ring too, then closes the file. */
  async close(): Promise<void> {
    clearInterval(this.#ringTimer);
    for (const record of this.#ring.take(RING_BOUND)) this.append(record).catch(() => undefined);
    this.#closed = true;
    await this.#flushing;
    await this.#writer?.close();
    this.#writer = undefined;
    const newest = this.#segments.at(-1);
    if (newest && this.#pending(newest) === 0) await this.#forget(newest);
  }

  #pending(segment: Segment): number {
    return segment.last - Math.min(segment.last, Math.max(segment.first - 1, this.acked(segment.epoch)));
  }

  async #flush(): Promise<void> {
    for (let batch = this.#batch; batch; batch = this.#batch) {
      this.#batch = undefined;
      await this.#write(batch);
    }
    this.#flushing = undefined;
  }

  async #write(batch: Batch): Promise<void> {
    try {
      await this.#writeOrMakeRoom(batch.records);
      batch.written.resolve();
    } catch (error) {
      this.#failed(batch, error);
    }
  }

  /** Under `drop-oldest` a full disk is answered by forgetting files until the write goes through or none is left. */
  async #writeOrMakeRoom(records: readonly string[]): Promise<void> {
    for (;;) {
      try {
        await this.#writeRecords(records);
        return;
      } catch (error) {
        if (this.#options.onFull === 'refuse' || !isFullDisk(error) || !(await this.#dropOldest())) throw error;
      }
    }
  }

  async #writeRecords(records: readonly string[]): Promise<void> {
    const segment = await this.#segmentForNext();
    const { bytes, length } = this.#frames(records, segment.last + 1);
    if (this.#bytes + length > this.#options.maxBytes && !(await this.#fits(length)))
      throw new Error(`the spool is full: ${this.#bytes} of ${this.#options.maxBytes} bytes`);
    await this.#writer?.append(bytes, length);
    segment.last += records.length;
    segment.bytes += length;
    this.#bytes += length;
    this.#appended.call();
  }

  async #fits(length: number): Promise<boolean> {
    if (this.#options.onFull === 'refuse') return false;
    while (this.#bytes + length > this.#options.maxBytes) if (!(await this.#dropOldest())) return false;
    return true;
  }

  #frames(records: readonly string[], firstSeq: number): { readonly bytes: Buffer; readonly length: number } {
    const most = records.reduce((sum, json) => sum + HEADER_BYTES + 3 * (json.length + this.#prefix.length + 32), 0);
    const bytes = most <= SCRATCH_BYTES ? this.#scratch : Buffer.allocUnsafe(most);
    let length = 0;
    let seq = firstSeq;
    for (const json of records) {
      length = writeFrame(bytes, length, frameJson(this.#prefix, seq, json));
      seq += 1;
    }
    return { bytes, length };
  }

  async #segmentForNext(): Promise<Segment> {
    const newest = this.#segments.at(-1);
    if (this.#writer && newest && newest.bytes < this.#segmentBytes) return newest;
    await this.#writer?.close();
    const first = this.#writer && newest && !this.#epochPerFile ? newest.last + 1 : 1;
    this.#writer = undefined;
    if (first === 1) this.#epoch = newEpoch();
    this.#prefix = framePrefix(this.#epoch);
    const index = (newest?.index ?? 0) + 1;
    const path = segmentPath(this.#options.folder, index, this.#epoch, first);
    this.#writer = await SegmentWriter.create(path, (error) => this.#syncFailed(error));
    const segment = { path, index, epoch: this.#epoch, first, last: first - 1, bytes: 0 };
    this.#segments.push(segment);
    return segment;
  }

  /** A dropped file must not leave a hole in an epoch: the watermark would never pass it. */
  get #epochPerFile(): boolean {
    return this.#options.onFull === 'drop-oldest';
  }

  async #dropOldest(): Promise<boolean> {
    const [oldest] = this.#segments;
    if (!oldest || this.#segments.length === 1) return false;
    const lost = this.#pending(oldest);
    this.#dropped += lost;
    this.#options.log.error({ alarm: 'audit', lost }, 'the audit spool is full: its oldest records were dropped');
    await this.#forget(oldest);
    return true;
  }

  async #forget(segment: Segment): Promise<void> {
    const at = this.#segments.indexOf(segment);
    if (at < 0) return;
    this.#segments.splice(at, 1);
    this.#bytes -= segment.bytes;
    if (!this.#segments.some((own) => own.epoch === segment.epoch)) this.#acked.delete(segment.epoch);
    await unlink(segment.path).catch((error) =>
      this.#options.log.error({ err: error }, 'a spool file could not be removed'),
    );
  }

  #failed({ records, written }: Batch, error: unknown): void {
    this.#options.log.error(
      { err: error, alarm: 'audit', records: records.length },
      'audit records could not be written to disk',
    );
    if (this.#options.onFull === 'drop-oldest') {
      this.#dropped += records.length;
      written.resolve();
    } else {
      this.#refusesUntil = this.#options.clock.monotonic() + RETRY_FULL_DISK_MS;
      written.reject(error);
    }
  }

  #syncFailed(error: unknown): void {
    this.#options.log.error(
      { err: error, alarm: 'audit' },
      'fdatasync of the audit spool failed: a power cut may lose records',
    );
  }

  /** Only while the spool is less than half full: strangers must not take the room of those who are known. */
  #drainRing(): void {
    if (this.#bytes < this.#options.maxBytes / 2)
      for (const record of this.#ring.take(RING_AT_ONCE)) this.append(record).catch(() => undefined);
    if (this.#ring.size > 0) return;
    clearInterval(this.#ringTimer);
    this.#ringTimer = undefined;
  }
}

function newBatch(): Batch {
  const written = Promise.withResolvers<void>();
  // those who append answer for their own records; a batch whose callers have all left must not end the process
  written.promise.catch(() => undefined);
  return { records: [], written };
}

const newEpoch = (): string => randomBytes(8).toString('hex');

const isFullDisk = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Texts of a record come from callers: a long one must neither fill the disk nor outgrow a message. */
function encode(record: AuditRecord): string {
  const json = JSON.stringify(record);
  if (json.length <= LONG_RECORD) return json;
  return JSON.stringify(record, (_key, value: unknown) =>
    typeof value === 'string' ? value.slice(0, CUT_TEXT) : value,
  );
}
