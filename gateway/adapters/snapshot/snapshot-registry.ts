/**
 * The snapshot in force. Whatever offers a document (enrolment, disk, NATS, HTTPS), it is verified, read and compiled here, one at a time,
 * and then one pointer is swapped. Fetching is follow-snapshot.ts's.
 * Invariant: the revision only rises; what is corrupt, forged or for another changes nothing but the log.
 */
import type { Snapshot } from '@portolan/core';
import type { Clock, Log, Registry, Tables } from '../../ports.ts';
import { Listeners } from '../listeners.ts';
import { compileTables } from './compile-tables.ts';
import { storedSnapshots, storeSnapshot } from './last-good.ts';
import { type FetchPart, PartMissing, type ReadTables, readTables } from './read-tables.ts';
import { type Audience, SnapshotRefused, type Verified, verifySnapshot } from './verify-snapshot.ts';

/** What is in force beside the tables. Times are ms since epoch. */
export interface Applied {
  readonly revision: number;
  readonly digest: string;
  readonly appliedAt: number;
  readonly issuedAt: number;
  readonly maxStalenessMs: number;
  readonly url: string;
  /** The mesh that it was judged to be of. */
  readonly meshRootSha256: string;
  readonly caBundle: Snapshot['caBundle'];
  readonly snapshotKeys: Snapshot['snapshotKeys'];
  readonly sealingKeys: Snapshot['sealingKeys'];
  readonly certificate: Snapshot['certificate'];
}

/** `incomplete`: a part is missing, try again soon. */
export type Offered = 'applied' | 'known' | 'refused' | 'incomplete';

export interface RegistryOptions {
  /** Folder of the last good snapshot. */
  readonly folder: string;
  /** Whose snapshots are applied; undefined before enrolment. */
  readonly audience: () => Audience | undefined;
  /** JWKs of the keys that may sign a snapshot of this audience: pinned at enrolment, then as the snapshot in force states them. */
  readonly keys: () => readonly object[];
  /** Parts by NATS. */
  readonly fetchPart: FetchPart;
  readonly clock: Clock;
  readonly log: Log;
}

interface Origin {
  /** For the log. */
  readonly source: string;
  readonly meshRootSha256: string;
}

interface Kept {
  readonly jws: string;
  readonly keys: readonly object[];
  readonly parts: ReadonlyMap<string, Uint8Array>;
}

export class SnapshotRegistry implements Registry {
  readonly #options: RegistryOptions;
  readonly #changes: Listeners;
  #tables: Tables | undefined;
  #applied: Applied | undefined;
  #parts: ReadonlyMap<string, Uint8Array> = new Map();
  #turn: Promise<unknown> = Promise.resolve();
  /** Documents already judged: the 30 s poll brings the same one again and again. */
  #lastApplied: string | undefined;
  #lastRefused: string | undefined;
  #behind = 0;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#changes = new Listeners((error) => options.log.error({ err: error }, 'a listener of the registry failed'));
  }

  current(): Tables | undefined {
    return this.#tables;
  }

  applied(): Applied | undefined {
    return this.#applied;
  }

  onChange(listener: () => void): () => void {
    return this.#changes.add(listener);
  }

  /** Judges a document and applies it where it is newer. Never rejects; `source` is for the log. */
  offer(jws: string, source: string): Promise<Offered> {
    return this.#inTurn(() => this.#judge(jws, source));
  }

  /** Another mesh, or another name: revisions count anew, and nothing of before is served. Offers wait for it. */
  forget(): Promise<void> {
    return this.#inTurn(async () => {
      this.#tables = undefined;
      this.#applied = undefined;
      this.#lastApplied = undefined;
      this.#behind = 0;
      this.#changes.call();
    });
  }

  /** Applies the newest good snapshot on disk. */
  restore(): Promise<void> {
    return this.#inTurn(async () => {
      for await (const { path, stored } of storedSnapshots(this.#options.folder)) {
        if (stored === undefined) this.#alarm(path, new SnapshotRefused('the file has not the expected form'));
        else if (stored.meshRootSha256 === this.#options.audience()?.meshRootSha256) {
          const parts = new Map(Object.entries(stored.parts).map(([sha, text]) => [sha, Buffer.from(text, 'base64')]));
          const trusted = [...stored.keys, ...this.#options.keys()];
          const outcome = await this.#judge(stored.jws, path, { trusted, fetch: async (sha) => parts.get(sha) });
          if (outcome === 'applied') return;
        }
      }
    });
  }

  async #judge(jws: string, source: string, disk?: { trusted: readonly object[]; fetch: FetchPart }): Promise<Offered> {
    const audience = this.#options.audience();
    if (!audience) return 'refused';
    if (jws === this.#lastApplied) return 'known';
    const trusted = disk?.trusted ?? this.#options.keys();
    try {
      const verified = await verifySnapshot(jws, trusted, audience);
      if (!this.#isNewer(verified, source)) return 'known';
      const read = await readTables(verified.manifest, disk?.fetch ?? this.#fetchPart);
      await this.#apply(verified, read, { source, meshRootSha256: audience.meshRootSha256 });
      this.#lastApplied = jws;
      if (!disk) await this.#keep({ jws, keys: trusted, parts: read.parts }, audience);
      return 'applied';
    } catch (error) {
      if (error instanceof PartMissing) return 'incomplete';
      if (jws !== this.#lastRefused) this.#alarm(source, error);
      this.#lastRefused = jws;
      return 'refused';
    }
  }

  /** Parts that the snapshot in force has too are not fetched again. */
  readonly #fetchPart: FetchPart = async (sha256) => this.#parts.get(sha256) ?? (await this.#options.fetchPart(sha256));

  #isNewer({ manifest: { revision } }: Verified, source: string): boolean {
    const applied = this.#applied?.revision ?? 0;
    if (revision < applied && revision > this.#behind) {
      this.#behind = revision;
      const fields = { alarm: 'snapshot', source, revision, appliedRevision: applied };
      this.#options.log.warn(fields, 'an older snapshot was offered; the newer one stays in force');
    }
    return revision > applied;
  }

  async #apply(
    { manifest, digest }: Verified,
    { tables, parts }: ReadTables,
    { source, ...mesh }: Origin,
  ): Promise<void> {
    const compiled = await compileTables({ ...manifest, tables });
    const { revision, issuedAt, maxStalenessMs, url, caBundle, snapshotKeys, sealingKeys, certificate } = manifest;
    const stated = {
      revision,
      digest,
      issuedAt,
      maxStalenessMs,
      url,
      caBundle,
      snapshotKeys,
      sealingKeys,
      certificate,
    };
    this.#applied = { ...stated, ...mesh, appliedAt: this.#options.clock.now() };
    this.#parts = parts;
    this.#tables = compiled;
    this.#options.log.info({ revision, source, servers: tables.servers.length }, 'snapshot applied');
    this.#changes.call();
  }

  /** A full disk costs the next start its newest snapshot, never this process. */
  async #keep({ jws, keys, parts }: Kept, { meshRootSha256 }: Audience): Promise<void> {
    const texts = Object.fromEntries([...parts].map(([sha, bytes]) => [sha, Buffer.from(bytes).toString('base64')]));
    const stored = { jws, keys: keys.map((key) => ({ ...key })), meshRootSha256, parts: texts };
    try {
      await storeSnapshot(this.#options.folder, stored);
    } catch (error) {
      this.#options.log.error(
        { err: error, alarm: 'snapshot' },
        'the snapshot is in force but could not be written to disk',
      );
    }
  }

  #alarm(source: string, error: unknown): void {
    const kept = this.#applied ? `revision ${this.#applied.revision} stays in force` : 'none is in force';
    this.#options.log.error(
      { err: error, alarm: 'snapshot', source },
      `snapshot refused: ${error instanceof Error ? error.message : error}; ${kept}`,
    );
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
