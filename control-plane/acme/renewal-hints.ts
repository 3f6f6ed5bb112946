/**
 * When the CA itself wants a certificate renewed (RFC 9773): asked now and then, obeyed where it is earlier than we would come by ourselves,
 * as after a mistake of the CA that makes it revoke.
 */
import { AuthorityKeyIdentifierExtension, X509Certificate } from '../mesh-ca/x509.ts';
import type { AcmeClient } from './client.ts';

const ASK_EVERY_MS = 6 * 3_600_000;

/** `<key identifier of the issuer>.<serial number>`, base64url (§4.1); undefined where the certificate names no issuer's key. */
export function certificateId(chain: string): string | undefined {
  const leaf = new X509Certificate(chain);
  const keyId = leaf.getExtension(AuthorityKeyIdentifierExtension)?.keyId;
  return keyId === undefined ? undefined : [keyId, leaf.serialNumber].map(base64url).join('.');
}

const base64url = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url');

export interface Planned {
  readonly chain: string;
  readonly renewAt: number;
}

export class RenewalHints {
  /** Chain → when it is asked for again. */
  readonly #next = new Map<string, number>();

  /** A moment before `renewAt` at which the CA wants it; undefined where there is none, and between two questions. Throws AcmeProblem. */
  async earlier(client: AcmeClient, { chain, renewAt }: Planned, now: number): Promise<number | undefined> {
    if ((this.#next.get(chain) ?? 0) > now) return undefined;
    this.#next.set(chain, now + ASK_EVERY_MS);
    const id = certificateId(chain);
    const wanted = id === undefined ? undefined : await client.renewalWindow(id);
    if (wanted?.retryAfterMs !== undefined)
      this.#next.set(chain, now + Math.max(wanted.retryAfterMs, ASK_EVERY_MS / 6));
    if (wanted === undefined || wanted.end >= renewAt) return undefined;
    return Math.round(wanted.start + Math.random() * (wanted.end - wanted.start));
  }

  /** Forgets certificates that are no longer in use. */
  keepOnly(chains: ReadonlySet<string>): void {
    for (const chain of this.#next.keys()) if (!chains.has(chain)) this.#next.delete(chain);
  }
}
