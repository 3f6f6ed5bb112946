/** A small client of the Kubernetes API: JSON in and out, refusals as `Refused` with the server's own Status. */
import { Agent, fetch } from 'undici';

/** Any object of the API. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [key: string]: unknown;
}

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
  readonly [key: string]: unknown;
}

/** metav1.Status of a request that was refused. */
export interface Status {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly field?: string; readonly message?: string }[] };
}

export class Refused extends Error {
  readonly status: Status;
  constructor(status: Status) {
    super(status.message ?? `HTTP ${status.code}`);
    this.status = status;
  }
}

export interface ApiAccess {
  /** `https://host:port` */
  readonly server: string;
  /** PEM; absent: the system's. */
  readonly ca?: string;
  readonly token?: string;
  /** PEM of a client certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
}

export interface AskOptions {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Default application/json. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** Called with each `Warning` that the server gives. */
  readonly warned?: (warning: string) => void;
}

const answerWithinMs = 60_000;

export class KubeApi implements AsyncDisposable {
  readonly server: string;
  readonly #agent: Agent;
  readonly #token: string | undefined;

  constructor({ server, ca, token, cert, key }: ApiAccess) {
    this.server = server.replace(/\/$/, '');
    this.#token = token;
    const connect = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), timeout: 10_000 };
    this.#agent = new Agent({ connect, connections: 8, headersTimeout: answerWithinMs });
  }

  /** Throws Refused, or what the connection failed with. */
  async ask<T = KubeObject>(method: string, path: string, options: AskOptions = {}): Promise<T> {
    const query = new URLSearchParams(options.query).toString();
    const response = await fetch(`${this.server}${path}${query && `?${query}`}`, {
      method,
      dispatcher: this.#agent,
      signal: options.signal ?? AbortSignal.timeout(answerWithinMs),
      headers: {
        ...(this.#token && { authorization: `Bearer ${this.#token}` }),
        ...(options.body !== undefined && { 'content-type': options.contentType ?? 'application/json' }),
      },
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    for (const warning of warningsOf(response.headers.get('warning'))) options.warned?.(warning);
    if (!response.ok) throw new Refused(statusOf(response.status, text));
    return (text.startsWith('{') ? JSON.parse(text) : text) as T;
  }

  /** undefined where there is none. */
  async find<T = KubeObject>(path: string, signal?: AbortSignal): Promise<T | undefined> {
    return this.ask<T>('GET', path, signal && { signal }).catch(absent);
  }

  async list<T = KubeObject>(path: string, query: Readonly<Record<string, string>> = {}): Promise<readonly T[]> {
    return (await this.ask<{ items: T[] }>('GET', path, { query })).items;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

export function absent(error: unknown): undefined {
  if (error instanceof Refused && error.status.code === 404) return undefined;
  throw error;
}

function statusOf(code: number, text: string): Status {
  try {
    return { ...(JSON.parse(text) as Status), code };
  } catch {
    return { code, message: `HTTP ${code}: ${text.slice(0, 300)}` };
  }
}

/** RFC 7234 §5.5: `299 - "text"`, several by commas. */
function warningsOf(header: string | null): string[] {
  return [...(header ?? '').matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) =>
    text.replace(/\\(.)/g, '$1'),
  );
}
