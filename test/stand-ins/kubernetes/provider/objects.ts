/** Objects of one cluster by the API: found by discovery, applied by the server, read, deleted. Errors name object and cluster. */
import { setTimeout as delay } from 'node:timers/promises';
import { type AskOptions, absent, KubeApi, type KubeObject, Refused } from '../api.ts';
import type { Config } from './config.ts';
import { Unreachable, whyRefused, whyUnreachable } from './explain.ts';
import { describe, type Identity } from './identity.ts';

const fieldManager = 'portolan';

/** A definition that was applied a moment ago is served a moment later. */
const discoveryWithinMs = 10_000;

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** The cluster knows no such kind. */
export class UnknownKind extends Error {}

export interface ApplyOptions {
  readonly dryRun: boolean;
  /** Whom errors name. */
  readonly about: Identity;
  readonly signal: AbortSignal;
  readonly warned: (warning: string) => void;
  /** Values that no error may quote. */
  readonly secrets: readonly string[];
}

export class Objects {
  readonly config: Config;
  readonly #api: KubeApi;
  readonly #groups = new Map<string, readonly Resource[]>();

  constructor(config: Config) {
    this.config = config;
    this.#api = new KubeApi(config.access);
  }

  /** With the namespace it will have. Throws UnknownKind. */
  async place(identity: Identity, signal: AbortSignal, patiently = false): Promise<Identity & { path: string }> {
    const deadline = Date.now() + (patiently ? discoveryWithinMs : 0);
    for (;;) {
      const resource = (await this.#resources(identity, signal)).find(({ kind }) => kind === identity.kind);
      if (resource) return this.#placed(identity, resource);
      this.#groups.delete(identity.apiVersion);
      if (Date.now() >= deadline)
        throw new UnknownKind(
          `${describe(identity)}: cluster ${this.config.cluster} has no kind ${identity.kind} in ${identity.apiVersion}. Install what defines it, or correct apiVersion and kind.`,
        );
      await delay(250, undefined, { signal });
    }
  }

  #placed(identity: Identity, { name: plural, namespaced }: Resource): Identity & { path: string } {
    const root = rootOf(identity.apiVersion);
    if (!namespaced) return { ...identity, namespace: undefined, path: `${root}/${plural}/${identity.name}` };
    const namespace = identity.namespace ?? this.config.namespace;
    return { ...identity, namespace, path: `${root}/namespaces/${namespace}/${plural}/${identity.name}` };
  }

  async #resources({ apiVersion }: Identity, signal: AbortSignal): Promise<readonly Resource[]> {
    const known = this.#groups.get(apiVersion);
    if (known) return known;
    const found = await this.ask<{ resources: Resource[] }>('GET', rootOf(apiVersion), { signal }).catch(absent);
    const resources = (found?.resources ?? []).filter(({ name }) => !name.includes('/'));
    this.#groups.set(apiVersion, resources);
    return resources;
  }

  /** The object as it is then (or would be). Throws an Error that names object and field. */
  async apply(path: string, body: object, options: ApplyOptions): Promise<KubeObject> {
    const { dryRun, about, signal, warned, secrets } = options;
    const query = { fieldManager, force: 'true', fieldValidation: 'Strict', ...(dryRun && { dryRun: 'All' }) };
    const contentType = 'application/apply-patch+yaml';
    try {
      return await this.ask('PATCH', path, { query, body, contentType, signal, warned });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      throw new Rejected(about, this.config.cluster, error, secrets);
    }
  }

  find(path: string, signal: AbortSignal): Promise<KubeObject | undefined> {
    return this.ask<KubeObject>('GET', path, { signal }).catch(absent);
  }

  /** Asks only: whoever wants to know that it is gone looks for it. */
  async startDeletion(path: string, uid: string, propagationPolicy: string, signal: AbortSignal): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy, preconditions: { uid } };
    await this.ask('DELETE', path, { body, signal }).catch(absent);
  }

  /** Throws Refused, or Unreachable with what to do. */
  async ask<T = KubeObject>(method: string, path: string, options: AskOptions): Promise<T> {
    try {
      return await this.#api.ask<T>(method, path, options);
    } catch (error) {
      if (error instanceof Refused && error.status.code !== 401) throw error;
      options.signal?.throwIfAborted();
      throw new Unreachable(whyUnreachable(this.config.cluster, error));
    }
  }

  async list<T = KubeObject>(
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<readonly T[]> {
    return (await this.ask<{ items: T[] }>('GET', path, { query, signal })).items;
  }
}

/** The cluster refused an object. */
export class Rejected extends Error {
  readonly code: number;
  readonly said: string;
  constructor(identity: Identity, cluster: string, { status }: Refused, secrets: readonly string[]) {
    const said = whyRefused(status, secrets);
    super(
      `${describe(identity)}: cluster ${cluster} refuses it (${[status.code, status.reason].filter(Boolean).join(' ')}): ${said}`,
    );
    this.code = status.code;
    this.said = said;
  }
}

const rootOf = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
