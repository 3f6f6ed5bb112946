/**
 * Sends the spool to the stream `AUDIT`, oldest first, and frees what the control plane's watermark has passed. The stream's own
 * acknowledgement frees nothing: it may forget what it acknowledged.
 * Invariant: what the watermark has not passed is sent again after every reconnect, and after 30 s without progress; duplicates cost nothing.
 */
import { subjects, Watermark } from '@portolan/core';
import type { Clock, Log, MeshIdentity } from '../../ports.ts';
import type { NatsLink } from '../nats/nats-link.ts';
import { backoff, Pause } from '../wait.ts';
import { type Cursor, type ReadBatch, readBatch } from './read-batch.ts';
import type { Spool } from './spool.ts';

const STALL_MS = 30_000;
/** Records of this span travel together. */
const LINGER_MS = 50;
/** Batches beyond the watermark: with the ledger dead the stream must not fill with what lies on our disk anyway. */
const MAX_WINDOW = 64;
const RETRY = { first: 500, most: 5000 } as const;

export interface ShipOptions {
  readonly spool: Spool;
  readonly link: NatsLink;
  readonly identity: MeshIdentity;
  readonly clock: Clock;
  readonly log: Log;
  /** Without progress for so long, in ms, all is sent again. Default 30 s. */
  readonly stallMs?: number;
}

/** Works until `signal` aborts. Call before the link runs. */
export async function shipSpool(options: ShipOptions, signal: AbortSignal): Promise<void> {
  const { spool, link, log } = options;
  const shipping = new Shipping(options);
  const pause = new Pause();
  link.subscribe(subjects.watermark, (data) => {
    const reported = (error: unknown): void => log.error({ err: error }, 'a watermark could not be applied');
    shipping.watermark(data).then(() => pause.wake(), reported);
  });
  link.onConnect(() => {
    shipping.startOver(MAX_WINDOW);
    pause.wake();
  });
  const stop = spool.onAppend(() => pause.wake());
  while (!signal.aborted) {
    const wait = await shipping.step();
    if (wait === 'next') continue;
    await pause.wait(wait, signal);
    await new Pause().wait(LINGER_MS, signal);
  }
  stop();
}

const LAST_RECORDS_MS = 5_000;
const POLL_MS = 20;

/**
 * At an orderly end, while `shipSpool` still works: waits until all that was recorded is in PostgreSQL, because a pod's disk goes with it. Ends after
 * 5 s, and at once where NATS is away. Answers how many records are left.
 */
export async function shipRest({ spool, link }: Pick<ShipOptions, 'spool' | 'link'>): Promise<number> {
  const deadline = performance.now() + LAST_RECORDS_MS;
  const left = (): number => spool.state().records;
  while (left() > 0 && link.connected && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  return left();
}

class Shipping {
  readonly #options: ShipOptions;
  readonly #stallMs: number;
  #cursor: Cursor | undefined;
  #inFlight: readonly { readonly epoch: string; readonly last: number }[] = [];
  #window = MAX_WINDOW;
  #progressAt = 0;
  #tries = 0;

  constructor(options: ShipOptions) {
    this.#options = options;
    this.#stallMs = options.stallMs ?? STALL_MS;
  }

  /** Everything beyond the watermark, again. */
  startOver(window: number): void {
    this.#cursor = undefined;
    this.#inFlight = [];
    this.#window = window;
  }

  async watermark(data: Uint8Array): Promise<void> {
    const { spool, clock } = this.#options;
    const moved = await spool.acknowledge(Watermark.parse(JSON.parse(new TextDecoder().decode(data))));
    if (!moved) return;
    this.#progressAt = clock.monotonic();
    this.#window = Math.min(MAX_WINDOW, this.#window * 2);
    this.#inFlight = this.#inFlight.filter(({ epoch, last }) => last > spool.acked(epoch));
  }

  /** Sends one batch. Says how long to wait (ms) unless something happens; 0 where the records to come should only gather a little. */
  async step(): Promise<number | 'next'> {
    const self = this.#options.identity.current();
    if (!self || !this.#options.link.connected) return this.#stallMs;
    const left = this.#progressAt + this.#stallMs - this.#options.clock.monotonic();
    if (this.#inFlight.length > 0 && left <= 0) {
      this.startOver(1);
      this.#progressAt = this.#options.clock.monotonic();
      return 'next';
    }
    if (this.#inFlight.length >= this.#window) return left;
    return this.#sendNext(self.gateway, this.#inFlight.length > 0 ? left : this.#stallMs);
  }

  async #sendNext(gateway: string, idle: number): Promise<number | 'next'> {
    const cursorBefore = this.#cursor;
    try {
      const batch = await this.#nextBatch(gateway);
      if (!batch) return idle;
      await this.#send(gateway, batch);
      if (this.#cursor === cursorBefore) this.#sent(batch);
      this.#tries = 0;
      return batch.more ? 'next' : 0;
    } catch (error) {
      // dropped or freed while it was read: the next look finds what is there now
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.#cursor = undefined;
      if (this.#tries % 10 === 0)
        this.#options.log.warn({ err: error }, 'audit records wait on disk: the stream did not take them');
      this.#tries += 1;
      return backoff(this.#tries, RETRY.first, RETRY.most);
    }
  }

  async #nextBatch(gateway: string): Promise<ReadBatch | undefined> {
    const { spool } = this.#options;
    const at = this.#cursor;
    for (const segment of spool.segments()) {
      if (at && segment.index < at.index) continue;
      const from = Math.max(segment.first, spool.acked(segment.epoch) + 1);
      const cursor =
        at?.index === segment.index && at.seq >= from ? at : { index: segment.index, offset: 0, seq: from };
      const batch = await readBatch(segment, cursor, gateway);
      if (batch) return batch;
    }
    return undefined;
  }

  async #send(gateway: string, { epoch, first, last, message, lost }: ReadBatch): Promise<void> {
    const { link, log } = this.#options;
    if (lost > 0)
      log.error(
        { alarm: 'audit', epoch, first, last, lost },
        'audit records were damaged on disk; their loss is recorded',
      );
    const id = `${gateway}:${epoch}:${first}:${last}`;
    const { data } = await link.request(subjects.audit(gateway), message, id);
    const answer = JSON.parse(new TextDecoder().decode(data)) as { error?: { description?: string } };
    if (answer.error) throw new Error(`the stream refused the records: ${answer.error.description}`);
  }

  #sent({ epoch, last, next }: ReadBatch): void {
    if (this.#inFlight.length === 0) this.#progressAt = this.#options.clock.monotonic();
    this.#cursor = next;
    if (last > this.#options.spool.acked(epoch)) this.#inFlight = [...this.#inFlight, { epoch, last }];
  }
}
