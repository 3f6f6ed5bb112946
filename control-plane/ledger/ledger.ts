/**
 * The audit ledger's end of the pipe: records from NATS into PostgreSQL, then the acknowledgement, then the watermark that lets spools forget.
 * PostgreSQL away: what was taken waits here and is redelivered to whoever comes after us. NATS away: the spools wait. Nothing is lost by either.
 * Several instances may do this at once; the inserts are idempotent and watermarks only rise.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { AckPolicy, type ConsumerMessages, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type Msg, type NatsConnection, nanos } from '@nats-io/transport-node';
import { type SpooledRecord, streams, subjects, type Watermark } from '@portolan/core';
import type { Kysely } from 'kysely';
import type { Database } from '../db/index.ts';
import type { Link } from '../nats/link.ts';
import { batches } from './batches.ts';
import { gatewayOfSubject, readMessage } from './read-message.ts';
import { readReport, recordReport } from './reports.ts';
import { advanceWatermark, insertRecords, type RefusedRecord, recentWatermarks } from './write-records.ts';

const CONSUMER = 'ledger';
const BATCH = 64;
const PAUSE_MS = 500;
/** A gateway with records in its spool is told its watermarks again this often, in case it missed them. */
const REMIND_MS = 5_000;

export interface LedgerSettings {
  readonly db: Kysely<Database>;
  readonly link: Link;
  /** ms since epoch. */
  readonly now: () => number;
  /** Body of `rpc.<gateway>.metrics`, parsed as JSON and nothing more. */
  readonly onMetrics: (gateway: string, body: unknown) => void;
  /** Body of `rpc.<gateway>.servers`, likewise. */
  readonly onServers: (gateway: string, body: unknown) => void;
  /** Something is away; we go on. */
  readonly onTrouble: (doing: string, error: unknown) => void;
  /** What no honest gateway of our version sends: a message was dropped, or a record of it stored as damaged. */
  readonly onAlarm: (subject: string, error: unknown) => void;
}

interface Taken {
  readonly message: JsMsg;
  readonly gateway: string;
  readonly records: readonly SpooledRecord[];
}

export class Ledger {
  readonly #settings: LedgerSettings;
  readonly #reminded = new Map<string, number>();
  #forget: () => void = () => {};
  readonly #stopped = new AbortController();

  constructor(settings: LedgerSettings) {
    this.#settings = settings;
  }

  start(): void {
    this.#forget = this.#settings.link.onUp((nc, signal) => {
      const up = AbortSignal.any([signal, this.#stopped.signal]);
      this.#subscribe(nc, up);
      void this.#consume(nc, up);
    });
  }

  stop(): void {
    this.#forget();
    this.#stopped.abort();
  }

  #subscribe(nc: NatsConnection, signal: AbortSignal): void {
    const handlers = {
      'rpc.*.report': this.#report,
      'rpc.*.metrics': this.#metrics,
      'rpc.*.servers': this.#servers,
    };
    for (const [subject, handle] of Object.entries(handlers)) {
      const subscription = nc.subscribe(subject, {
        callback: (error, message) => {
          if (!error)
            handle.call(this, message).catch((cause: unknown) => this.#settings.onAlarm(message.subject, cause));
        },
      });
      signal.addEventListener('abort', () => subscription.unsubscribe(), { once: true });
    }
  }

  async #metrics({ subject, data }: Msg): Promise<void> {
    this.#settings.onMetrics(gatewayOfSubject(subject), JSON.parse(new TextDecoder().decode(data)));
  }

  async #servers({ subject, data }: Msg): Promise<void> {
    this.#settings.onServers(gatewayOfSubject(subject), JSON.parse(new TextDecoder().decode(data)));
  }

  async #report({ subject, data }: Msg): Promise<void> {
    const report = readReport(subject, data);
    const { db, now, onTrouble } = this.#settings;
    try {
      await recordReport(db, report, now());
      if (report.spool.records > 0) await this.#remind(report.gateway);
    } catch (error) {
      onTrouble('record a report', error);
    }
  }

  async #remind(gateway: string): Promise<void> {
    const at = performance.now();
    if (at - (this.#reminded.get(gateway) ?? Number.NEGATIVE_INFINITY) < REMIND_MS) return;
    this.#reminded.set(gateway, at);
    for (const watermark of await recentWatermarks(this.#settings.db, gateway)) this.#tell(gateway, watermark);
  }

  #tell(gateway: string, watermark: Watermark): void {
    this.#settings.link.current()?.publish(subjects.watermark(gateway), JSON.stringify(watermark));
  }

  /** While the link is up: consumer and stream are made anew whenever they are found missing. */
  async #consume(nc: NatsConnection, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#consumeOnce(nc, signal).catch((error: unknown) => {
        if (!signal.aborted) this.#settings.onTrouble('read audit records', error);
      });
      await wait(PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #consumeOnce(nc: NatsConnection, signal: AbortSignal): Promise<void> {
    const messages = await open(nc);
    const stop = (): void => messages.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      for await (const batch of batches(messages, BATCH)) await this.#take(batch, signal);
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  async #take(batch: readonly JsMsg[], signal: AbortSignal): Promise<void> {
    const taken = batch.flatMap((message) => this.#read(message));
    if (taken.length > 0) await this.#write(taken, signal);
  }

  #read(message: JsMsg): readonly Taken[] {
    try {
      const { gateway, records, damage } = readMessage(message.subject, message.data, this.#settings.now());
      if (damage) this.#settings.onAlarm(message.subject, damage);
      return [{ message, gateway, records }];
    } catch (error) {
      this.#settings.onAlarm(message.subject, error);
      message.term('not an audit message');
      return [];
    }
  }

  /** Acknowledged only when committed. Whatever stops PostgreSQL from taking records that are good: they wait here. */
  async #write(taken: readonly Taken[], signal: AbortSignal): Promise<void> {
    const { db, now, onTrouble } = this.#settings;
    const records = taken.flatMap((one) => one.records);
    let told = false;
    while (!signal.aborted) {
      const refused = await insertRecords(db, records, now()).catch((error: unknown) => {
        if (!told) onTrouble('write audit records', error);
        told = true;
      });
      if (refused) {
        this.#alarm(refused);
        return this.#acknowledge(taken);
      }
      await wait(PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** Once a gateway, however many of its records there were. */
  #alarm(refused: readonly RefusedRecord[]): void {
    const first = new Map(refused.toReversed().map(({ gateway, error }) => [gateway, error]));
    for (const [gateway, error] of first) this.#settings.onAlarm(subjects.audit(gateway), error);
  }

  /** A watermark that fails here is told with the next one, or when the gateway says that it still waits. */
  async #acknowledge(taken: readonly Taken[]): Promise<void> {
    for (const { message } of taken) message.ack();
    await this.#announce(taken).catch((error: unknown) => this.#settings.onTrouble('move a watermark', error));
  }

  async #announce(taken: readonly Taken[]): Promise<void> {
    const epochs = new Map(
      taken.flatMap(({ gateway, records }) => records.map(({ epoch }) => [`${gateway} ${epoch}`, { gateway, epoch }])),
    );
    for (const { gateway, epoch } of epochs.values())
      this.#tell(gateway, await advanceWatermark(this.#settings.db, gateway, epoch));
  }
}

async function open(nc: NatsConnection): Promise<ConsumerMessages> {
  const manager = await jetstreamManager(nc, { timeout: 5_000, checkAPI: false });
  await manager.consumers.add(streams.audit, {
    durable_name: CONSUMER,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(30_000),
    max_ack_pending: 512,
  });
  const consumer = await jetstream(nc, { timeout: 5_000 }).consumers.get(streams.audit, CONSUMER);
  return consumer.consume({
    max_messages: BATCH * 2,
    expires: 10_000,
    idle_heartbeat: 2_000,
    abort_on_missing_resource: true,
  });
}
