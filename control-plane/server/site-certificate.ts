/**
 * The site's certificate from its two files, read again when they change (an operator or cert-manager renews it; no restart is needed).
 * A pair that cannot be read or does not belong together is reported, and the one before stays in use.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

const LOOK_AGAIN_MS = 30_000;

export interface SitePair {
  readonly cert: string;
  readonly key: string;
}

/** Where the public name's pair comes from. */
export interface SiteSource {
  /** Undefined while there is none yet. */
  current(): SitePair | undefined;
  /** Calls back after each change; the answer ends that. */
  onChange(listener: () => void): () => void;
}

export interface SiteFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export class SiteCertificate implements SiteSource {
  readonly #files: SiteFiles;
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #pair: SitePair;

  private constructor(files: SiteFiles, pair: SitePair, onFailure: (error: unknown) => void) {
    this.#files = files;
    this.#pair = pair;
    this.#timer = setInterval(() => void this.refresh().catch(onFailure), LOOK_AGAIN_MS).unref();
  }

  /** Throws, naming the file, when there is no usable pair. */
  static async open(files: SiteFiles, onFailure: (error: unknown) => void): Promise<SiteCertificate> {
    return new SiteCertificate(files, await readPair(files), onFailure);
  }

  current(): SitePair {
    return this.#pair;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async refresh(): Promise<void> {
    const pair = await readPair(this.#files);
    if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return;
    this.#pair = pair;
    for (const listener of this.#listeners) listener();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }
}

async function readPair({ certFile, keyFile }: SiteFiles): Promise<SitePair> {
  const [cert, key] = await Promise.all([readPem(certFile), readPem(keyFile)]);
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new Error(`Site certificate: key ${keyFile} does not belong to certificate ${certFile}.`);
  return { cert, key };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Error(
      `Site certificate: ${path} cannot be read. Run "control-plane init" first, or mend siteCertificate in the configuration.`,
      { cause },
    );
  }
}
