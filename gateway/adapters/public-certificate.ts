/**
 * The certificate of the public name, from its two files. A change of either is taken up while the gateway runs, once both fit together;
 * files are polled, because secret mounts swap links, which file watchers miss.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Log, PublicCertificate } from '../ports.ts';
import { Listeners } from './listeners.ts';
import { Pause } from './wait.ts';

const POLL_MS = 10_000;

interface Pair {
  readonly key: string;
  readonly chain: string;
}
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Reads the pair once; throws with the files' names where they are missing or do not fit together. */
export async function openPublicCertificate(files: CertificateFiles, log: Log): Promise<WatchedCertificate> {
  return new WatchedCertificate(files, log, await readPair(files));
}

export class WatchedCertificate implements PublicCertificate {
  readonly #files: CertificateFiles;
  readonly #log: Log;
  readonly #changed: Listeners;
  #pair: Pair;

  constructor(files: CertificateFiles, log: Log, pair: Pair) {
    this.#files = files;
    this.#log = log;
    this.#pair = pair;
    this.#changed = new Listeners((error) => log.error({ err: error }, 'a listener of the public certificate failed'));
  }

  current(): Pair {
    return this.#pair;
  }

  onChange(listener: () => void): () => void {
    return this.#changed.add(listener);
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const pause = new Pause();
    for (await pause.wait(POLL_MS, signal); !signal.aborted; await pause.wait(POLL_MS, signal)) await this.look();
  }

  /** Takes up the files as they are now; what does not fit together leaves the pair in use. */
  async look(): Promise<void> {
    try {
      const pair = await readPair(this.#files);
      if (pair.key === this.#pair.key && pair.chain === this.#pair.chain) return;
      this.#pair = pair;
      this.#log.info({ certFile: this.#files.certFile }, 'public certificate renewed');
      this.#changed.call();
    } catch (error) {
      this.#log.error({ err: error }, 'the public certificate on disk cannot be used; the one in use stays');
    }
  }
}

async function readPair({ certFile, keyFile }: CertificateFiles): Promise<Pair> {
  const [chain, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
  let fits: boolean;
  try {
    fits = new X509Certificate(chain).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new Error(`${certFile}, ${keyFile}: expected a PEM certificate chain and its PEM private key`, { cause });
  }
  if (!fits) throw new Error(`${keyFile}: is not the key of the certificate in ${certFile}`);
  return { key, chain };
}
