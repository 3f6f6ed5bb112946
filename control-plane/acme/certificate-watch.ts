/**
 * The ordered certificates as every control plane sees them, whoever ordered them: read from PostgreSQL when one changes, and now and then.
 * The control plane's own is opened and shown at once, and laid down as files for what stands beside us and shows the same name: NATS.
 */
import { CONTROL } from '@portolan/core';
import { type DatabaseAddress, listen } from '../db/index.ts';
import { writePrivately } from '../keys/private-files.ts';
import { Bell } from '../publish/bell.ts';
import type { SitePair, SiteSource } from '../server/site-certificate.ts';
import { isLate } from './schedule.ts';
import { CERTIFICATES_CHANNEL, type CertificateRow, type CertificateStore, certificateRows, pairOf } from './store.ts';

const LOOK_MS = 10_000;
/** Whoever is to look is told again after this. */
const REMIND_MS = 3_600_000;

export interface WatchSettings extends CertificateStore {
  readonly address: DatabaseAddress;
  /** Where the control plane's own pair is laid down; undefined where it has another certificate. */
  readonly files: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** ms since epoch. */
  readonly now: () => number;
  readonly onLate: (plane: string, notAfter: number) => void;
  readonly onTrouble: (doing: string, error: unknown) => void;
}

export class CertificateWatch implements SiteSource {
  readonly #settings: WatchSettings;
  readonly #stopped = new AbortController();
  readonly #bell = new Bell();
  readonly #listeners = new Set<() => void>();
  readonly #told = new Map<string, number>();
  #running: Promise<unknown> = Promise.resolve();
  #rows: readonly CertificateRow[] = [];
  #pair: SitePair | undefined;

  constructor(settings: WatchSettings) {
    this.#settings = settings;
  }

  /** Undefined before the first. */
  current(): SitePair | undefined {
    return this.#pair;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Plane → when its certificate ends, s since epoch. */
  notAfterSeconds(): ReadonlyMap<string, number> {
    return new Map(
      this.#rows.flatMap(({ plane, not_after }) =>
        not_after === null ? [] : [[plane, not_after.getTime() / 1_000] as const],
      ),
    );
  }

  start(): void {
    const { address, onTrouble } = this.#settings;
    const { signal } = this.#stopped;
    const heard = listen({
      address,
      channel: CERTIFICATES_CHANNEL,
      signal,
      onNotify: () => this.#bell.ring(),
      onAway: (error) => onTrouble('listen for certificates', error),
    });
    this.#running = Promise.all([heard, this.#look(signal)]);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #look(signal: AbortSignal): Promise<void> {
    let told = false;
    while (!signal.aborted) {
      try {
        await this.#read();
        told = false;
      } catch (error) {
        if (!told && !signal.aborted) this.#settings.onTrouble('read the certificates', error);
        told = true;
      }
      await this.#bell.heard(LOOK_MS, signal);
    }
  }

  async #read(): Promise<void> {
    this.#rows = await certificateRows(this.#settings);
    for (const row of this.#rows) this.#remind(row);
    const own = this.#settings.files && this.#rows.find(({ plane }) => plane === CONTROL);
    if (own && own.chain !== null && own.chain !== this.#pair?.cert) await this.#take(own);
  }

  async #take(row: CertificateRow): Promise<void> {
    const { files } = this.#settings;
    const pair = await pairOf(this.#settings, row);
    if (!pair || !files) return;
    // the key first: whoever watches the certificate finds the key that belongs to it
    await writePrivately(files.keyFile, pair.key);
    await writePrivately(files.certFile, pair.cert);
    this.#pair = pair;
    for (const listener of this.#listeners) listener();
  }

  #remind({ plane, not_before, not_after }: CertificateRow): void {
    const { now, onLate } = this.#settings;
    if (not_before === null || not_after === null) return;
    if (!isLate({ notBefore: not_before.getTime(), notAfter: not_after.getTime() }, now())) this.#told.delete(plane);
    else if (now() - (this.#told.get(plane) ?? 0) >= REMIND_MS) {
      this.#told.set(plane, now());
      onLate(plane, not_after.getTime());
    }
  }
}
