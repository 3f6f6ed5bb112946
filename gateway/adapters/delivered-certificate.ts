/**
 * The certificate of the public name as the control plane delivers it: its chain in the snapshot, its key sealed to this replica (JWE, RFC 7516).
 * Kept beside the last good snapshot as it came, so that a gateway serves after a restart although a later snapshot brought none.
 * Invariant: a pair that does not open or does not fit leaves the one in use; the key never lies on disk in clear.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { DeliveredCertificate as Delivered } from '@portolan/core';
import { compactDecrypt } from 'jose';
import { z } from 'zod';
import type { Log, PublicCertificate, PublicPair } from '../ports.ts';
import { Listeners } from './listeners.ts';
import { readIfThere, replaceFile } from './replace-file.ts';

const Stored = z.object({ chain: z.string(), jwe: z.string() });
type Stored = Readonly<z.infer<typeof Stored>>;

export interface DeliveredCertificateOptions {
  /** Folder of the last good snapshot. */
  readonly folder: string;
  readonly replica: string;
  readonly sealKey: KeyObject;
  readonly log: Log;
}

export class DeliveredCertificate implements PublicCertificate {
  readonly #options: DeliveredCertificateOptions;
  readonly #changed: Listeners;
  #pair: PublicPair | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: DeliveredCertificateOptions) {
    this.#options = options;
    this.#changed = new Listeners((error) =>
      options.log.error({ err: error }, 'a listener of the public certificate failed'),
    );
  }

  current(): PublicPair | undefined {
    return this.#pair;
  }

  onChange(listener: () => void): () => void {
    return this.#changed.add(listener);
  }

  /** What was kept; a corrupt file costs waiting for the next snapshot, so it is logged and not fatal. */
  restore(): Promise<void> {
    return this.#inTurn(async () => {
      const text = await readIfThere(this.#file());
      if (text !== undefined) await this.#take(Stored.parse(JSON.parse(text)));
    });
  }

  /** That of a snapshot. One without any, or without a key for this replica, changes nothing: it was made before this replica was known. */
  adopt(delivered: Delivered | undefined): Promise<void> {
    const { replica } = this.#options;
    if (!delivered || !Object.hasOwn(delivered.sealed, replica)) return this.#turn;
    const { chain, sealed } = delivered;
    return this.#inTurn(async () => {
      if (chain === this.#pair?.chain) return;
      const stored = { chain, jwe: sealed[replica] ?? '' };
      await this.#take(stored);
      await replaceFile(this.#file(), JSON.stringify(stored));
    });
  }

  async #take({ chain, jwe }: Stored): Promise<void> {
    const algorithms = { keyManagementAlgorithms: ['ECDH-ES+A256KW'], contentEncryptionAlgorithms: ['A256GCM'] };
    const { plaintext } = await compactDecrypt(jwe, this.#options.sealKey, algorithms);
    const key = new TextDecoder().decode(plaintext);
    const leaf = new X509Certificate(chain);
    if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new TypeError('the key is not that of the certificate');
    this.#pair = { key, chain };
    this.#options.log.info({ notAfter: leaf.validTo }, 'public certificate taken up');
    this.#changed.call();
  }

  #file(): string {
    return join(this.#options.folder, 'public-certificate.json');
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work).catch((error: unknown) => {
      const kept = this.#pair ? 'the one in use stays' : 'there is none';
      const fields = { err: error, alarm: 'certificate' };
      this.#options.log.error(fields, `the public certificate could not be taken up or kept; ${kept}`);
    });
    return this.#turn;
  }
}
