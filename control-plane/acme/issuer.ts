/**
 * Orders and renews the public certificates of the planes, one order after the other, on the one control plane that holds the lock.
 * All that it must not forget is in PostgreSQL: an order that another process began is gone on with.
 * Invariant: after a failure a plane waits for its time; the ACME server is never asked for it more often than that.
 */
import { X509Certificate } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { DatabaseAddress } from '../db/index.ts';
import { locks } from '../db/index.ts';
import { lead } from '../publish/lead.ts';
import { AcmeClient, type ExternalAccount } from './client.ts';
import type { DnsProvider } from './dns/index.ts';
import type { Resolvers } from './dns/lookup.ts';
import { type AcmeHttp, openAcmeHttp } from './http.ts';
import { fulfil, OrderLost } from './order.ts';
import type { Plane } from './planes.ts';
import { AcmeProblem } from './problem.ts';
import { certificateId, RenewalHints } from './renewal-hints.ts';
import { backOffMs, renewAt } from './schedule.ts';
import {
  accountOf,
  type CertificateRow,
  type CertificateStore,
  certificateRows,
  dropOthers,
  forgetOrder,
  keepAccountUrl,
  keepCertificate,
  keepFailure,
  keepOrder,
  newKey,
  orderOf,
  renewSooner,
  type StoredOrder,
  wantedPlanes,
} from './store.ts';

/** How soon a new plane, or one whose time has come, is seen. */
const LOOK_MS = 2_000;

export interface IssuerSettings extends CertificateStore {
  readonly address: DatabaseAddress;
  /** URL of the ACME directory. */
  readonly directory: string;
  readonly email?: string | undefined;
  /** Read each time that the account is registered. */
  readonly externalAccount?: (() => Promise<ExternalAccount>) | undefined;
  /** PEM bundle of the ACME server's own CA; default: the system's. */
  readonly caFile?: string | undefined;
  readonly dns: DnsProvider;
  readonly resolvers: Resolvers;
  /** Of the control plane; undefined where it has another certificate. */
  readonly controlUrl: string | undefined;
  /** ms since epoch. */
  readonly now: () => number;
  readonly onIssued: (plane: Plane, notAfter: number) => void;
  readonly onFailed: (plane: Plane, error: unknown, retryAt: number) => void;
  /** PostgreSQL is away, a challenge stayed behind: we go on. */
  readonly onTrouble: (doing: string, error: unknown) => void;
}

export class Issuer {
  readonly #settings: IssuerSettings;
  readonly #stopped = new AbortController();
  readonly #hints = new RenewalHints();
  /** Plane → ms since epoch: holds although PostgreSQL takes no failure down. */
  readonly #pausedUntil = new Map<string, number>();
  #running: Promise<void> = Promise.resolve();

  constructor(settings: IssuerSettings) {
    this.#settings = settings;
  }

  start(): void {
    const { address, onTrouble } = this.#settings;
    this.#running = lead({
      address,
      lock: locks.certificates,
      signal: this.#stopped.signal,
      work: (signal) => this.#work(signal),
      onTrouble: (error) => onTrouble('order certificates', error),
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { caFile, directory, now } = this.#settings;
    const http = await openAcmeHttp(caFile, signal);
    try {
      const account = await accountOf(this.#settings, directory);
      const turn = {
        http,
        signal,
        client: new AcmeClient({ directory, http, accountKey: account.key, accountUrl: account.url, now }),
        registered: account.url !== undefined,
      };
      while (!signal.aborted) {
        await this.#pass(turn);
        await wait(LOOK_MS, undefined, { signal }).catch(() => {});
      }
    } finally {
      await http.close();
    }
  }

  async #pass(turn: Turn): Promise<void> {
    const planes = await wantedPlanes(this.#settings, this.#settings.controlUrl);
    await dropOthers(this.#settings, planes);
    const rows = new Map((await certificateRows(this.#settings)).map((row) => [row.plane, row]));
    for (const plane of planes) {
      const [row, now] = [rows.get(plane.plane), this.#settings.now()];
      if ((this.#pausedUntil.get(plane.plane) ?? 0) > now) continue;
      if (isDue(row, plane, now)) await this.#bring(turn, plane, row);
      else if (row) await this.#ask(turn, row);
      if (turn.signal.aborted) return;
    }
    this.#hints.keepOnly(new Set([...rows.values()].flatMap(({ chain }) => chain ?? [])));
  }

  /** One try. Only what PostgreSQL says is thrown: without it nothing can be kept, not even the failure. */
  async #bring(turn: Turn, plane: Plane, row: CertificateRow | undefined): Promise<void> {
    const { now, onIssued } = this.#settings;
    try {
      await this.#register(turn);
      const order = (await this.#present(plane, row)) ?? (await this.#order(turn, plane, row));
      const { notAfter } = await this.#fulfil(turn, plane, order);
      onIssued(plane, notAfter);
    } catch (error) {
      if (turn.signal.aborted) return;
      await this.#failed(turn, plane, (row?.failures ?? 0) + 1, error, now());
    }
  }

  /** Does the CA want it renewed sooner. What it does not answer costs nothing but that. */
  async #ask({ client, signal }: Turn, { plane, chain, renew_at }: CertificateRow): Promise<void> {
    if (chain === null || renew_at === null) return;
    const planned = { chain, renewAt: renew_at.getTime() };
    const sooner = await this.#hints.earlier(client, planned, this.#settings.now()).catch((error: unknown) => {
      if (!signal.aborted) this.#settings.onTrouble(`ask when the certificate of ${plane} is to be renewed`, error);
      return undefined;
    });
    if (sooner !== undefined) await renewSooner(this.#settings, plane, sooner);
  }

  async #register(turn: Turn): Promise<void> {
    if (turn.registered) return;
    const { directory, email, externalAccount } = this.#settings;
    const url = await turn.client.register(email, await externalAccount?.());
    await keepAccountUrl(this.#settings, directory, url);
    turn.registered = true;
  }

  /** The order under way; one for a name that the plane had before is left to itself. */
  async #present({ name }: Plane, row: CertificateRow | undefined): Promise<StoredOrder | undefined> {
    const order = row && (await orderOf(this.#settings, row));
    return order?.name === name ? order : undefined;
  }

  /** Its key is kept before the server can make a certificate for it. */
  async #order({ client }: Turn, { plane, name }: Plane, row: CertificateRow | undefined): Promise<StoredOrder> {
    const replaces = row?.name === name && row.chain !== null ? certificateId(row.chain) : undefined;
    const { url } = await client.newOrder(name, replaces).catch((error: unknown) => {
      // another order has replaced it, or the CA does not know it (any more): that must not keep it from being renewed
      if (replaces === undefined || !(error instanceof AcmeProblem) || !NOT_REPLACED.has(error.type)) throw error;
      return client.newOrder(name);
    });
    const order = { url, name, key: newKey() };
    await keepOrder(this.#settings, plane, order);
    return order;
  }

  async #fulfil(
    { client, signal }: Turn,
    { plane }: Plane,
    order: StoredOrder,
  ): Promise<{ readonly notAfter: number }> {
    const { dns, resolvers, onTrouble } = this.#settings;
    const onLitter = (record: string, error: unknown): void => onTrouble(`take ${record} away again`, error);
    const chain = await fulfil({ client, dns, resolvers, signal, onLitter }, order);
    const validity = validityOf(chain, order, this.#settings.now());
    await keepCertificate(this.#settings, plane, order, {
      chain,
      ...validity,
      renewAt: renewAt(validity, this.#settings.now(), Math.random()),
    });
    return validity;
  }

  async #failed(turn: Turn, plane: Plane, failures: number, error: unknown, at: number): Promise<void> {
    const problem = error instanceof AcmeProblem ? error : undefined;
    const retryAt = at + backOffMs(failures, problem?.retryAfterMs);
    this.#pausedUntil.set(plane.plane, retryAt);
    if (problem?.type === 'accountDoesNotExist') {
      turn.registered = false;
      await keepAccountUrl(this.#settings, this.#settings.directory, undefined);
    }
    if (error instanceof OrderLost || problem?.status === 404 || CLOSED.has(problem?.type ?? ''))
      await forgetOrder(this.#settings, plane.plane);
    const message = error instanceof Error ? error.message : String(error);
    await keepFailure(this.#settings, plane.plane, { failures, message, at, retryAt });
    this.#settings.onFailed(plane, error, retryAt);
  }
}

/** What the server does not know, has closed, or holds for another account is not gone on with. */
const CLOSED: ReadonlySet<string> = new Set(['malformed', 'accountDoesNotExist', 'unauthorized']);
const NOT_REPLACED: ReadonlySet<string> = new Set(['alreadyReplaced', 'malformed', 'unauthorized', 'notFound']);

interface Turn {
  readonly http: AcmeHttp;
  readonly client: AcmeClient;
  readonly signal: AbortSignal;
  registered: boolean;
}

/** Pure: is it time to order, or to go on with an order. */
export function isDue(row: CertificateRow | undefined, { name }: Plane, now: number): boolean {
  if (row === undefined) return true;
  if (row.retry_at !== null && row.retry_at.getTime() > now) return false;
  return row.order_url !== null || row.name !== name || row.renew_at === null || row.renew_at.getTime() <= now;
}

/** Holds what the server sent against what was ordered. Throws OrderLost where it does not fit. */
function validityOf(
  chain: string,
  { name, key }: StoredOrder,
  now: number,
): { readonly notBefore: number; readonly notAfter: number } {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(chain);
  } catch (cause) {
    throw new OrderLost('what the server sent as a certificate is none', { cause });
  }
  const [notBefore, notAfter] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  if (!leaf.checkPrivateKey(key)) throw new OrderLost('the certificate that the server sent is for another key');
  if (leaf.checkHost(name) === undefined)
    throw new OrderLost(`the certificate that the server sent is not for ${name}`);
  if (notAfter <= now) throw new OrderLost('the certificate that the server sent has ended already');
  return { notBefore, notAfter };
}
