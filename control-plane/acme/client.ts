/**
 * The ACME protocol (RFC 8555): account, order, authorization, challenge, certificate; renewal information (RFC 9773).
 * Each method is one step and one answer; what is done with it, and when again, others decide. Throws AcmeProblem for what the server refuses.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, FlattenedSign, type JWK } from 'jose';
import { z } from 'zod';
import type { AcmeHttp, AcmeReply } from './http.ts';
import { AcmeProblem, ProblemDocument, problemOf, retryAfterMs } from './problem.ts';

const BAD_NONCE_TRIES = 6;

const Directory = z.object({
  newNonce: z.string(),
  newAccount: z.string(),
  newOrder: z.string(),
  renewalInfo: z.string().optional(),
});
const Order = z.object({
  status: z.enum(['pending', 'ready', 'processing', 'valid', 'invalid']),
  identifiers: z.array(z.object({ type: z.string(), value: z.string() })),
  authorizations: z.array(z.string()).max(10),
  finalize: z.string(),
  certificate: z.string().optional(),
  error: ProblemDocument.optional(),
});
const Challenge = z.object({
  type: z.string(),
  url: z.string(),
  status: z.string(),
  token: z.string().default(''),
  error: ProblemDocument.optional(),
});
const Authorization = z.object({
  status: z.enum(['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
  identifier: z.object({ type: z.string(), value: z.string() }),
  challenges: z.array(Challenge),
});
const RenewalInfo = z.object({
  suggestedWindow: z.object({ start: z.iso.datetime({ offset: true }), end: z.iso.datetime({ offset: true }) }),
});

/** With when the server wants to be asked again, ms. */
type Waiting<T> = T & { readonly retryAfterMs: number | undefined };
export type Order = Waiting<z.infer<typeof Order>> & { readonly url: string };
export type Authorization = Waiting<z.infer<typeof Authorization>>;

export interface ExternalAccount {
  readonly keyId: string;
  /** HMAC key, as the CA gave it. */
  readonly key: Buffer;
}

export interface AcmeClientParts {
  /** URL of the directory. */
  readonly directory: string;
  readonly http: AcmeHttp;
  /** ECDSA P-256 private key. */
  readonly accountKey: KeyObject;
  /** Known once the account has been registered. */
  readonly accountUrl?: string | undefined;
  /** ms since epoch. */
  readonly now: () => number;
}

export class AcmeClient {
  readonly #parts: AcmeClientParts;
  readonly #jwk: JWK;
  #directory: z.infer<typeof Directory> | undefined;
  #account: string | undefined;
  #nonce: string | undefined;

  constructor(parts: AcmeClientParts) {
    this.#parts = parts;
    const { kty, crv, x, y } = createPublicKey(parts.accountKey).export({ format: 'jwk' }) as JWK;
    this.#jwk = { kty, crv, x, y } as JWK;
    this.#account = parts.accountUrl;
  }

  /** Makes the account, or finds the one of this key (§7.3); answers its URL. */
  async register(email: string | undefined, external: ExternalAccount | undefined): Promise<string> {
    const { newAccount } = await this.#urls();
    const reply = await this.#post(newAccount, 'jwk', {
      termsOfServiceAgreed: true,
      ...(email === undefined ? {} : { contact: [`mailto:${email}`] }),
      ...(external === undefined ? {} : { externalAccountBinding: await this.#binding(external, newAccount) }),
    });
    this.#account = placeOf(reply, 'account');
    return this.#account;
  }

  /** `replaces`: identifier of the certificate that this one follows (RFC 9773 §5). */
  async newOrder(name: string, replaces?: string): Promise<Order> {
    const { newOrder, renewalInfo } = await this.#urls();
    const follows = replaces === undefined || renewalInfo === undefined ? {} : { replaces };
    const reply = await this.#post(newOrder, 'kid', { identifiers: [{ type: 'dns', value: name }], ...follows });
    return this.#orderOf(reply, placeOf(reply, 'order'));
  }

  async order(url: string): Promise<Order> {
    return this.#orderOf(await this.#post(url, 'kid', undefined), url);
  }

  async authorization(url: string): Promise<Authorization> {
    const reply = await this.#post(url, 'kid', undefined);
    return { ...read(Authorization, reply), retryAfterMs: retryAfterMs(reply, this.#parts.now()) };
  }

  /** What the TXT record of a challenge proves with is made of: `<token>.<thumbprint>` (§8.1). */
  async keyAuthorization(token: string): Promise<string> {
    return `${token}.${await calculateJwkThumbprint(this.#jwk)}`;
  }

  /** Tells the server that the challenge can be looked at. */
  async answer(challengeUrl: string): Promise<void> {
    await this.#post(challengeUrl, 'kid', {});
  }

  /** `csr`: DER. */
  async finalize(order: Order, csr: Uint8Array): Promise<Order> {
    const reply = await this.#post(order.finalize, 'kid', { csr: Buffer.from(csr).toString('base64url') });
    return this.#orderOf(reply, order.url);
  }

  /** PEM chain, leaf first. */
  async certificate(url: string): Promise<string> {
    return (await this.#post(url, 'kid', undefined)).text;
  }

  /** When the server wants a certificate renewed, ms since epoch; undefined where it does not say. `id`: of RFC 9773 §4.1. */
  async renewalWindow(id: string): Promise<Waiting<{ readonly start: number; readonly end: number }> | undefined> {
    const { renewalInfo } = await this.#urls();
    if (renewalInfo === undefined) return undefined;
    const reply = await this.#parts.http.send('GET', `${renewalInfo.replace(/\/$/, '')}/${id}`);
    if (reply.status !== 200) throw problemOf(reply, this.#parts.now());
    const { start, end } = read(RenewalInfo, reply).suggestedWindow;
    const { now } = this.#parts;
    return { start: Date.parse(start), end: Date.parse(end), retryAfterMs: retryAfterMs(reply, now()) };
  }

  async #urls(): Promise<z.infer<typeof Directory>> {
    if (this.#directory) return this.#directory;
    const reply = await this.#parts.http.send('GET', this.#parts.directory);
    if (reply.status !== 200) throw problemOf(reply, this.#parts.now());
    this.#directory = read(Directory, reply);
    return this.#directory;
  }

  #orderOf(reply: AcmeReply, url: string): Order {
    return { ...read(Order, reply), url, retryAfterMs: retryAfterMs(reply, this.#parts.now()) };
  }

  async #binding({ keyId, key }: ExternalAccount, url: string): Promise<object> {
    const payload = new TextEncoder().encode(JSON.stringify(this.#jwk));
    return new FlattenedSign(payload).setProtectedHeader({ alg: 'HS256', kid: keyId, url }).sign(key);
  }

  /** A signed request (§6.2); without a payload it only reads (§6.3). A nonce that the server no longer knows is replaced (§6.5). */
  async #post(url: string, by: 'jwk' | 'kid', payload: object | undefined): Promise<AcmeReply> {
    for (let tries = 1; ; tries += 1) {
      const reply = await this.#parts.http.send('POST', url, await this.#signed(url, by, payload));
      this.#nonce = reply.header('replay-nonce');
      if (reply.status >= 200 && reply.status < 300) return reply;
      const problem = problemOf(reply, this.#parts.now());
      if (problem.type !== 'badNonce' || tries === BAD_NONCE_TRIES) throw problem;
    }
  }

  async #signed(url: string, by: 'jwk' | 'kid', payload: object | undefined): Promise<string> {
    const text = payload === undefined ? '' : JSON.stringify(payload);
    const who = by === 'jwk' ? { jwk: this.#jwk } : { kid: this.#known() };
    const jws = await new FlattenedSign(new TextEncoder().encode(text))
      .setProtectedHeader({ alg: 'ES256', nonce: await this.#takeNonce(), url, ...who })
      .sign(this.#parts.accountKey);
    return JSON.stringify(jws);
  }

  #known(): string {
    if (this.#account === undefined) throw new Error('ACME: the account has not been registered');
    return this.#account;
  }

  /** Each nonce is used once. */
  async #takeNonce(): Promise<string> {
    const { newNonce } = await this.#urls();
    const nonce = this.#nonce ?? (await this.#parts.http.send('HEAD', newNonce)).header('replay-nonce');
    this.#nonce = undefined;
    if (nonce === undefined) throw new Error(`ACME: ${newNonce} gave no nonce`);
    return nonce;
  }
}

function placeOf(reply: AcmeReply, what: string): string {
  const url = reply.header('location');
  if (url === undefined) throw new Error(`ACME: the answer does not say where the ${what} is`);
  return url;
}

function read<T>(schema: z.ZodType<T>, { text, status }: AcmeReply): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`ACME: an answer of status ${status} has not the form of RFC 8555`, { cause });
  }
}

/** The problem that an order or a challenge ended with. */
export const failureOf = (document: ProblemDocument | undefined, what: string): AcmeProblem =>
  new AcmeProblem(document ?? ProblemDocument.parse({ detail: `${what} failed without a reason` }), 200);
