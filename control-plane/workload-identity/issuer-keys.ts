/**
 * The public keys of token issuers: inline, or fetched from a URL that an operator registered (which may lie in a private network; that is his choice).
 * A fetch is bounded in time and size, follows no redirect and happens at most once in 30 s whatever tokens come; a key that its issuer has withdrawn
 * is believed for 10 minutes, and while the issuer is away for a day.
 */
import { type WorkloadIdentity, WorkloadKey } from '@portolan/core';
import { createLocalJWKSet, errors, type JWK, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 256 * 1024;
/** Between two fetches of one URL. */
const COOLDOWN_MS = 30_000;
const FRESH_MS = 600_000;
const LAST_GOOD_MS = 86_400_000;

/** The keys cannot be had at the moment: nothing is known of the token. */
export class KeysAway extends Error {
  override readonly name = 'KeysAway';
}

/** What an issuer adds to a key is left out; what is no key for signatures is passed over. */
const Jwks = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(256) });
const [rsa, ec, okp] = WorkloadKey.options;
const FetchedKey = z.discriminatedUnion('kty', [rsa.strip(), ec.strip(), okp.strip()]);

const keySet = (keys: readonly WorkloadKey[]): JWTVerifyGetKey =>
  createLocalJWKSet({ keys: keys.map((key) => ({ ...key }) as JWK) });

interface Known {
  readonly keys: JWTVerifyGetKey;
  readonly fetchedAt: number;
}

export class IssuerKeys {
  /** ms since epoch. */
  readonly #now: () => number;
  readonly #byUrl = new Map<string, FetchedKeys>();

  constructor(now: () => number) {
    this.#now = now;
  }

  of({ url, keys = [] }: WorkloadIdentity['jwks']): JWTVerifyGetKey {
    if (url === undefined) return keySet(keys);
    const fetched = this.#byUrl.get(url) ?? new FetchedKeys(url, this.#now);
    this.#byUrl.set(url, fetched);
    return (header, token) => fetched.find(header, token);
  }
}

class FetchedKeys {
  readonly #url: string;
  readonly #now: () => number;
  #known: Known | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  #trouble: unknown;

  constructor(url: string, now: () => number) {
    this.#url = url;
    this.#now = now;
  }

  /** Throws `KeysAway`, or jose's error where there is no such key. */
  async find(...[header, token]: Parameters<JWTVerifyGetKey>): Promise<Awaited<ReturnType<JWTVerifyGetKey>>> {
    if (this.#age() > FRESH_MS) await this.#refresh();
    try {
      return await this.#current()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#refresh(); // the issuer may have a new key
      return await this.#current()(header, token);
    }
  }

  #age(): number {
    return this.#known ? this.#now() - this.#known.fetchedAt : Number.POSITIVE_INFINITY;
  }

  #current(): JWTVerifyGetKey {
    if (this.#known && this.#age() <= LAST_GOOD_MS) return this.#known.keys;
    throw new KeysAway(`the keys at ${this.#url} cannot be fetched`, { cause: this.#trouble });
  }

  /** One fetch for all who wait; what fails is remembered, not thrown. */
  async #refresh(): Promise<void> {
    if (this.#fetching === undefined && Math.abs(this.#now() - this.#triedAt) < COOLDOWN_MS) return;
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
  }

  async #fetch(): Promise<void> {
    this.#triedAt = this.#now();
    try {
      const keys = keySet(await fetchKeys(this.#url));
      this.#known = { keys, fetchedAt: this.#now() };
    } catch (error) {
      this.#trouble = error;
    }
  }
}

async function fetchKeys(url: string): Promise<readonly WorkloadKey[]> {
  const response = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  try {
    if (response.status !== 200) throw new Error(`expected status 200, got ${response.status}`);
    const { keys } = Jwks.parse(JSON.parse(await bounded(response)));
    const read = keys.flatMap((key) => FetchedKey.safeParse(key).data ?? []);
    if (read.length === 0) throw new Error('expected at least one public key for signatures');
    return read;
  } finally {
    if (!response.bodyUsed) await response.body?.cancel();
  }
}

/** Counted as it is unpacked, so that a small answer cannot become a large one. */
async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`expected at most ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
