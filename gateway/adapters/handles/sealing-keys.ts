/**
 * The keys that seal session ids, as this replica holds them: from each snapshot those sealed to it, and older ones from its own disk.
 * Invariant: on disk they lie as the control plane sealed them (JWE, RFC 7516); a key opens for 30 days after a newer one has come.
 */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { SealedKey } from '@portolan/core';
import { compactDecrypt } from 'jose';
import { z } from 'zod';
import type { Clock, Log } from '../../ports.ts';
import { readIfThere, replaceFile } from '../replace-file.ts';

const OPENS_FOR_MS = 30 * 86_400_000;

const StoredKeys = z.array(z.object({ kid: z.string(), createdAt: z.int(), jwe: z.string() }));
type StoredKey = Readonly<z.infer<typeof StoredKeys>[number]>;

export interface SealingKey {
  readonly kid: string;
  readonly createdAt: number;
  /** 32 bytes. */
  readonly secret: Buffer;
}

export interface SealingKeysOptions {
  /** Folder of the last good snapshot. */
  readonly folder: string;
  readonly replica: string;
  readonly sealKey: KeyObject;
  readonly clock: Clock;
  readonly log: Log;
}

export class SealingKeys {
  readonly #options: SealingKeysOptions;
  readonly #opened = new Map<string, SealingKey>();
  #stored: readonly StoredKey[] = [];
  #turn: Promise<void> = Promise.resolve();

  constructor(options: SealingKeysOptions) {
    this.#options = options;
  }

  /** The newest; undefined before the first. */
  newest(): SealingKey | undefined {
    let newest: SealingKey | undefined;
    for (const key of this.#opened.values()) if (!newest || key.createdAt > newest.createdAt) newest = key;
    return newest;
  }

  byId(kid: string): SealingKey | undefined {
    return this.#opened.get(kid);
  }

  /** The keys on disk; a corrupt file costs old sessions, so it is logged and not fatal. */
  restore(): Promise<void> {
    return this.#inTurn(async () => {
      const text = await readIfThere(this.#file());
      if (text !== undefined) await this.#hold(StoredKeys.parse(JSON.parse(text)));
    });
  }

  /** Those of a snapshot that are sealed to this replica. */
  adopt(keys: readonly SealedKey[]): Promise<void> {
    const { replica } = this.#options;
    const ours = keys.flatMap(({ kid, createdAt, sealed }) => {
      const jwe = Object.hasOwn(sealed, replica) ? sealed[replica] : undefined;
      return jwe === undefined ? [] : [{ kid, createdAt, jwe }];
    });
    return this.#inTurn(async () => {
      const unknown = ours.filter(({ kid }) => !this.#opened.has(kid));
      if (unknown.length === 0) return;
      await this.#hold([...this.#stored, ...unknown]);
      await replaceFile(this.#file(), JSON.stringify(this.#stored));
    });
  }

  async #hold(keys: readonly StoredKey[]): Promise<void> {
    const kept = stillOpening(keys, this.#options.clock.now());
    for (const key of kept) if (!this.#opened.has(key.kid)) await this.#open(key);
    for (const kid of this.#opened.keys()) if (!kept.some((key) => key.kid === kid)) this.#opened.delete(kid);
    this.#stored = kept.filter(({ kid }) => this.#opened.has(kid));
  }

  async #open({ kid, createdAt, jwe }: StoredKey): Promise<void> {
    try {
      const algorithms = { keyManagementAlgorithms: ['ECDH-ES+A256KW'], contentEncryptionAlgorithms: ['A256GCM'] };
      const secret = Buffer.from((await compactDecrypt(jwe, this.#options.sealKey, algorithms)).plaintext);
      if (secret.length !== 32) throw new TypeError(`expected 32 bytes, got ${secret.length}`);
      this.#opened.set(kid, { kid, createdAt, secret });
    } catch (error) {
      this.#options.log.error({ err: error, alarm: 'sealing', kid }, 'a session-sealing key could not be opened');
    }
  }

  #file(): string {
    return join(this.#options.folder, 'sealing-keys.json');
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work).catch((error: unknown) => {
      this.#options.log.error({ err: error, alarm: 'sealing' }, 'the session-sealing keys could not be read or kept');
    });
    return this.#turn;
  }
}

/** A key goes 30 days after its successor came; the newest never does. */
export function stillOpening<K extends { readonly createdAt: number }>(keys: readonly K[], now: number): K[] {
  const newestFirst = keys.toSorted((a, b) => b.createdAt - a.createdAt);
  return newestFirst.filter((_key, at) => {
    const successor = newestFirst[at - 1];
    return successor === undefined || successor.createdAt + OPENS_FOR_MS > now;
  });
}
