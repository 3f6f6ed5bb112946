/**
 * Turns changes of the registry into signed snapshots on NATS. One instance at a time renders; every instance answers `newer` from the database.
 * Woken by NOTIFY, by time (a token expires, a document ages) and by an outbox that is not empty, so no lost notification lasts.
 */
import type { Kysely } from 'kysely';
import { CHANNEL, type Database, type DatabaseAddress, listen, locks } from '../db/index.ts';
import type { Kek } from '../keys/kek.ts';
import type { Link } from '../nats/link.ts';
import type { Snapshots } from '../ports.ts';
import { Bell } from './bell.ts';
import { DeliveredCertificates } from './delivered-certificates.ts';
import { digestOf, type Messages, messagesOf } from './document.ts';
import { Feed } from './feed.ts';
import { lead } from './lead.ts';
import { Proofs } from './proofs.ts';
import { prune, type RenderParts, type RenderSettings, render } from './render.ts';
import { Revoker } from './revoker.ts';
import { SealingKeys } from './sealing-keys.ts';

/** How long a lost notification, or a clock that jumped, can go unnoticed. */
const TICK_MS = 5_000;

export interface PublisherSettings extends RenderSettings {
  readonly db: Kysely<Database>;
  readonly database: DatabaseAddress;
  readonly kek: Kek;
  readonly link: Link;
  /** ms since epoch. */
  readonly now: () => number;
  /** Something is away or unreadable; we go on. `doing` says what was tried. */
  readonly onTrouble: (doing: string, error: unknown) => void;
}

/** What lives as long as the lock is held. */
interface Leadership {
  readonly feed: Feed;
  readonly revoker: Revoker;
  readonly floors: ReadonlyMap<string, number>;
  readonly signal: AbortSignal;
}

export class Publisher implements Snapshots {
  readonly #settings: PublisherSettings;
  readonly #parts: RenderParts;
  readonly #stopped = new AbortController();
  readonly #bell = new Bell();
  #running: Promise<unknown> = Promise.resolve();

  constructor(settings: PublisherSettings) {
    this.#settings = settings;
    const unreadable = (what: string, error: unknown): void => settings.onTrouble(`open the ${what}`, error);
    this.#parts = {
      ...settings,
      proofs: new Proofs(settings.kek, unreadable),
      sealingKeys: new SealingKeys(settings.kek, unreadable),
      certificates: new DeliveredCertificates(settings.kek, unreadable),
    };
  }

  start(): void {
    const { database: address, onTrouble } = this.#settings;
    const { signal } = this.#stopped;
    this.#running = Promise.all([
      listen({
        address,
        channel: CHANNEL,
        signal,
        onNotify: () => this.#bell.ring(),
        onAway: (error) => onTrouble('listen for changes', error),
      }),
      lead({
        address,
        lock: locks.publish,
        signal,
        work: (leading) => this.#publish(leading),
        onTrouble: (error) => onTrouble('render snapshots', error),
      }),
    ]);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async newer(gateway: string, after: number): Promise<string | undefined> {
    const row = await this.#newest(gateway).where('revision', '>', after).executeTakeFirst();
    return row?.jws;
  }

  #newest(gateway: string) {
    return this.#settings.db
      .selectFrom('snapshots')
      .select('jws')
      .where('gateway', '=', gateway)
      .orderBy('revision', 'desc')
      .limit(1);
  }

  /** While we hold the lock. */
  async #publish(signal: AbortSignal): Promise<void> {
    const { link, onTrouble } = this.#settings;
    const floors = new Map<string, number>();
    const revoker = new Revoker({ link, signal, onTrouble: (error) => onTrouble('revoke NATS users', error) });
    const leading = { feed: this.#feed(floors, signal), revoker, floors, signal };
    const forget = link.onUp(() => {
      leading.feed.compareAll();
      revoker.compare();
    });
    try {
      await this.#expectAll(leading.feed);
      await this.#renderForEver(leading);
    } finally {
      forget();
    }
  }

  #feed(floors: Map<string, number>, signal: AbortSignal): Feed {
    const { link, signer, onTrouble } = this.#settings;
    return new Feed({
      connection: () => link.current(),
      signer,
      load: (gateway) => this.#load(gateway),
      onHigher: (gateway, revision) => {
        floors.set(gateway, revision);
        this.#bell.ring();
      },
      onTrouble: (error) => onTrouble('publish a snapshot', error),
      signal,
    });
  }

  async #load(gateway: string): Promise<Messages> {
    const { jws } = await this.#newest(gateway).executeTakeFirstOrThrow();
    return messagesOf(this.#settings.signer, jws);
  }

  /** What is stored should be on NATS, too, and under the digest that gateways report: an older release stored another. */
  async #expectAll(feed: Feed): Promise<void> {
    const { db, signer } = this.#settings;
    const rows = await db
      .selectFrom('snapshots')
      .distinctOn('gateway')
      .select(['gateway', 'revision', 'jws', 'digest'])
      .orderBy('gateway')
      .orderBy('revision', 'desc')
      .execute();
    for (const { gateway, revision, jws, digest: stored } of rows) {
      const digest = digestOf(jws);
      if (digest !== stored)
        await db
          .updateTable('snapshots')
          .set({ digest })
          .where('gateway', '=', gateway)
          .where('revision', '=', revision)
          .execute();
      feed.expect(gateway, revision, await messagesOf(signer, jws));
    }
  }

  async #renderForEver(leading: Leadership): Promise<void> {
    const { now } = this.#settings;
    let due = 0; // the first time in any case
    while (!leading.signal.aborted) {
      const rung = await this.#bell.heard(Math.min(TICK_MS, due - now()), leading.signal);
      if (leading.signal.aborted) return;
      if (rung || now() >= due || (await this.#hasOutbox())) due = await this.#renderOnce(leading);
    }
  }

  async #renderOnce({ feed, revoker, floors }: Leadership): Promise<number> {
    const { changed, revoked, nextDue } = await render(this.#parts, floors, this.#settings.now());
    for (const { gateway, revision, messages } of changed) feed.publish(gateway, revision, messages);
    revoker.want(revoked);
    if (changed.length > 0) await prune(this.#settings.db, this.#settings.now());
    return nextDue;
  }

  async #hasOutbox(): Promise<boolean> {
    return (await this.#settings.db.selectFrom('outbox').select('id').limit(1).executeTakeFirst()) !== undefined;
  }
}
