/**
 * Keeps the newest document of each gateway on NATS. Told what is wanted, it publishes; told that the link is up, it compares the stream with what is wanted
 * and publishes what differs: a wiped store, a lost message (a part's, too) and a restored backup heal alike. Whatever fails is tried again; nobody waits for it.
 * Invariant: nothing is put over a document that gateways may have and the database has not.
 */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Snapshot, streams, subjects } from '@portolan/core';
import type { SnapshotSigner } from '../keys/snapshot-key.ts';
import type { Messages } from './document.ts';
import { payloadOf } from './document.ts';

const RETRY_MS = 500;
const TIMEOUT_MS = 3_000;

export interface FeedSettings {
  readonly connection: () => NatsConnection | undefined;
  readonly signer: SnapshotSigner;
  /** The stored document of a gateway, as messages. */
  readonly load: (gateway: string) => Promise<Messages>;
  /** NATS holds a document of ours that the database does not know: the next one has to pass its revision. */
  readonly onHigher: (gateway: string, revision: number) => void;
  readonly onTrouble: (error: Error) => void;
  readonly signal: AbortSignal;
}

interface Wanted {
  readonly revision: number;
  /** Of the head. */
  readonly sha256: string;
  /** SHA-256 of each part. */
  readonly parts: readonly string[];
  /** Just made, not yet published. */
  messages: Messages | undefined;
  settled: boolean;
  /** Its trouble was told. */
  told: boolean;
}

const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

/** What to compare the stream with. Not the messages themselves: they are large, and seldom needed. */
const wantedOf = (revision: number, { head, parts }: Messages): Wanted => ({
  revision,
  sha256: sha256(head),
  parts: parts.map((part) => part.sha256),
  messages: undefined,
  settled: false,
  told: false,
});

export class Feed {
  readonly #settings: FeedSettings;
  readonly #wanted = new Map<string, Wanted>();
  readonly #busy = new Set<string>();
  /** Gateways whose place in the stream nobody else has written to since we looked: there is one publisher at a time, and the link has not been away. */
  readonly #compared = new Set<string>();
  /** Parts of the document that was current before. */
  readonly #previous = new Map<string, readonly string[]>();

  constructor(settings: FeedSettings) {
    this.#settings = settings;
  }

  /** A document that was just made. */
  publish(gateway: string, revision: number, messages: Messages): void {
    this.#want(gateway, { ...wantedOf(revision, messages), messages });
  }

  /** A document that should be there already. */
  expect(gateway: string, revision: number, messages: Messages): void {
    this.#want(gateway, wantedOf(revision, messages));
  }

  #want(gateway: string, wanted: Wanted): void {
    this.#wanted.set(gateway, wanted);
    void this.#settle(gateway);
  }

  /** The link is up: nothing that was there before is taken for granted. */
  compareAll(): void {
    this.#compared.clear();
    for (const [gateway, wanted] of this.#wanted) {
      wanted.settled = false;
      void this.#settle(gateway);
    }
  }

  /** One gateway's document at a time; a newer one overtakes those that were never sent. */
  async #settle(gateway: string): Promise<void> {
    if (this.#busy.has(gateway)) return;
    this.#busy.add(gateway);
    for (;;) {
      const wanted = this.#wanted.get(gateway);
      const nc = this.#settings.connection();
      if (!wanted || wanted.settled || !nc || this.#settings.signal.aborted) break;
      await this.#bring(nc, gateway, wanted);
    }
    this.#busy.delete(gateway);
  }

  async #bring(nc: NatsConnection, gateway: string, wanted: Wanted): Promise<void> {
    try {
      const isNew = wanted.messages !== undefined && this.#compared.has(gateway);
      const differs = isNew || (await this.#differs(nc, gateway, wanted));
      if (differs) await this.#put(nc, gateway, wanted.messages ?? (await this.#settings.load(gateway)));
      this.#compared.add(gateway);
      wanted.messages = undefined;
      wanted.settled = true;
    } catch (error) {
      if (!wanted.told && !this.#settings.signal.aborted) this.#settings.onTrouble(error as Error);
      wanted.told = true;
      await wait(RETRY_MS, undefined, { signal: this.#settings.signal }).catch(() => {});
    }
  }

  async #differs(nc: NatsConnection, gateway: string, wanted: Wanted): Promise<boolean> {
    const present = await lastValue(nc, subjects.snapshot(gateway));
    if (present === undefined) return true;
    if (sha256(present) === wanted.sha256) return lacksPart(nc, gateway, wanted.parts);
    const revision = await this.#revisionOf(new TextDecoder().decode(present));
    if (revision < wanted.revision) return true;
    this.#settings.onHigher(gateway, revision);
    return false; // a document that passes it is on its way
  }

  /** 0 for anything that we did not sign. */
  async #revisionOf(jws: string): Promise<number> {
    if ((await this.#settings.signer.verify(jws)) === undefined) return 0;
    const document = Snapshot.safeParse(JSON.parse(payloadOf(jws).toString()));
    return document.success ? document.data.revision : 0;
  }

  /** Parts before the head that names them. */
  async #put(nc: NatsConnection, gateway: string, { head, parts }: Messages): Promise<void> {
    const js = jetstream(nc, { timeout: TIMEOUT_MS });
    for (const { sha256: hash, data } of parts) await js.publish(subjects.snapshotPart(gateway, hash), data);
    await js.publish(subjects.snapshot(gateway), head);
    await this.#sweep(
      nc,
      gateway,
      parts.map((part) => part.sha256),
    );
  }

  /** Removes parts that neither this document nor the one before names. */
  async #sweep(nc: NatsConnection, gateway: string, named: readonly string[]): Promise<void> {
    const previous = this.#previous.get(gateway) ?? [];
    this.#previous.set(gateway, named);
    if (named.length === 0 && previous.length === 0) return;
    const keep = new Set([...named, ...previous].map((hash) => subjects.snapshotPart(gateway, hash)));
    const manager = await jetstreamManager(nc, { timeout: TIMEOUT_MS, checkAPI: false });
    const { state } = await manager.streams.info(streams.config, {
      subjects_filter: subjects.snapshotPart(gateway, '*'),
    });
    const orphans = Object.keys(state.subjects ?? {}).filter((subject) => !keep.has(subject));
    for (const subject of orphans) await manager.streams.purge(streams.config, { filter: subject });
  }
}

async function lacksPart(nc: NatsConnection, gateway: string, hashes: readonly string[]): Promise<boolean> {
  for (const hash of hashes) {
    const part = await lastValue(nc, subjects.snapshotPart(gateway, hash));
    if (part === undefined || sha256(part) !== hash) return true;
  }
  return false;
}

/** Asks the stream's leader: a replica that lags would make us publish what is there. */
async function lastValue(nc: NatsConnection, subject: string): Promise<Uint8Array | undefined> {
  const manager = await jetstreamManager(nc, { timeout: TIMEOUT_MS, checkAPI: false });
  return (await manager.streams.getMessage(streams.config, { last_by_subj: subject }))?.data;
}
