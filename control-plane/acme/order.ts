/**
 * One order on its way to a certificate: proves the name by DNS-01 (RFC 8555 §8.4), hands in the request, fetches the chain.
 * Every step begins with what the server says of the order, so that it is taken up wherever an earlier process left it.
 */
import { createHash, type KeyObject, webcrypto } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { ES256, Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '../mesh-ca/x509.ts';
import { type AcmeClient, type Authorization, failureOf, type Order } from './client.ts';
import type { DnsProvider } from './dns/index.ts';
import { challengeName, type Resolvers, untilVisible } from './dns/lookup.ts';
import type { StoredOrder } from './store.ts';

/** The CA looks and signs within seconds; what takes longer is taken up at the next try. */
const PATIENCE_MS = 120_000;
const PAUSE_MS = { least: 250, first: 500, most: 10_000 } as const;

export interface Ordering {
  readonly client: AcmeClient;
  readonly dns: DnsProvider;
  readonly resolvers: Resolvers;
  readonly signal: AbortSignal;
  /** A challenge could not be taken away again; it does no harm but litter. */
  readonly onLitter: (name: string, error: unknown) => void;
}

/** The order has failed for good: another one is needed. */
export class OrderLost extends Error {
  override readonly name = 'OrderLost';
}

/** PEM chain. Throws `OrderLost` where the order is past saving, anything else where it is worth another try. */
export async function fulfil(ordering: Ordering, { url, name, key }: StoredOrder): Promise<string> {
  const { client } = ordering;
  let order = await client.order(url);
  if (order.status === 'pending') {
    for (const authorization of order.authorizations) await authorize(ordering, authorization, name);
    order = await settled(
      ordering,
      () => client.order(url),
      ({ status }) => status !== 'pending',
    );
  }
  if (order.status === 'ready') order = await client.finalize(order, await requestFor(name, key));
  order = await settled(
    ordering,
    () => client.order(url),
    ({ status }) => status !== 'processing' && status !== 'ready',
    order,
  );
  if (order.status === 'valid' && order.certificate !== undefined) return client.certificate(order.certificate);
  throw lost(order);
}

const lost = ({ status, error }: Order): OrderLost =>
  new OrderLost(failureOf(error, `the order is ${status} and`).message);

/** Asks until it is done, as often as the server wants to be asked. */
async function settled<T extends { readonly retryAfterMs: number | undefined }>(
  { signal }: Ordering,
  ask: () => Promise<T>,
  done: (answer: T) => boolean,
  first?: T,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  let answer = first ?? (await ask());
  for (let pause: number = PAUSE_MS.first; !done(answer); pause = Math.min(pause * 2, PAUSE_MS.most)) {
    if (performance.now() > deadline) throw new Error('the ACME server has not decided within two minutes');
    const asked = Math.max(answer.retryAfterMs ?? pause, PAUSE_MS.least);
    await wait(Math.min(asked, PAUSE_MS.most), undefined, { signal });
    answer = await ask();
  }
  return answer;
}

async function authorize(ordering: Ordering, url: string, name: string): Promise<void> {
  const { client, dns, resolvers, signal, onLitter } = ordering;
  const authorization = await client.authorization(url);
  if (authorization.status === 'valid') return;
  const challenge = challengeOf(authorization, name);
  const value = createHash('sha256')
    .update(await client.keyAuthorization(challenge.token))
    .digest('base64url');
  const target = await challengeName(`_acme-challenge.${name}`, resolvers);
  await dns.present(target, value, signal);
  try {
    await untilVisible({ provider: dns, name: target, value, resolvers, signal });
    if (challenge.status === 'pending') await client.answer(challenge.url);
    const decided = await settled(
      ordering,
      () => client.authorization(url),
      ({ status }) => status !== 'pending',
    );
    if (decided.status !== 'valid') throw refusal(decided);
  } finally {
    // also when we are told to stop: nobody else would do it
    await dns.remove(target, value, AbortSignal.timeout(10_000)).catch((error: unknown) => onLitter(target, error));
  }
}

function challengeOf({ status, identifier, challenges }: Authorization, name: string) {
  if (status !== 'pending') throw new OrderLost(`the authorization of ${name} is ${status}`);
  if (identifier.type !== 'dns' || identifier.value !== name)
    throw new OrderLost(`the server wants ${identifier.value} proved, but ${name} was ordered`);
  const challenge = challenges.find(({ type }) => type === 'dns-01');
  if (!challenge || challenge.token === '') throw new OrderLost(`the server offers no dns-01 challenge for ${name}`);
  return challenge;
}

const refusal = ({ status, challenges }: Authorization): OrderLost =>
  new OrderLost(
    failureOf(challenges.find(({ error }) => error !== undefined)?.error, `the authorization is ${status} and`).message,
  );

/** DER of a request for one name (RFC 2986), without a subject. */
async function requestFor(name: string, key: KeyObject): Promise<Uint8Array> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys: await pairOf(key),
    signingAlgorithm: ES256,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  return new Uint8Array(request.rawData);
}

async function pairOf(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto;
  const der = new Uint8Array(key.export({ type: 'pkcs8', format: 'der' }));
  const { d: _secret, ...open } = key.export({ format: 'jwk' });
  return {
    privateKey: await subtle.importKey('pkcs8', der, ES256, false, ['sign']),
    publicKey: await subtle.importKey('jwk', open as webcrypto.JsonWebKey, ES256, true, ['verify']),
  };
}
