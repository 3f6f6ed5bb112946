/**
 * Which `Host` and `Origin` this gateway answers to: those of its URL and the configured ones; on the loopback door those of this machine, too, where
 * MCP clients are developed; between gateways the mesh name. Refusing is the stage `accept`'s.
 * Invariant: a name that nobody here has is not served, so a page from elsewhere cannot reach us under its own (DNS rebinding). No Origin is no page.
 */
import { isLoopbackHost, isLoopbackOrigin, meshName } from '@portolan/core';
import type { Door, Tables } from './ports.ts';

export interface EdgeLists {
  /** Origins of the pages that may call, beside the gateway's own. Default: none. */
  readonly allowedOrigins: readonly string[];
  /** Names under which the gateway is reached, beside that of its URL; without a port, because a balancer may have another. Default: none. */
  readonly allowedHosts: readonly string[];
}

/** What one snapshot says that we are called. */
interface Own {
  readonly tables: Tables | undefined;
  readonly origin: string;
  readonly host: string;
  readonly meshHost: string;
  /** By kind of door, the `Host` that was served last: nearly all requests have the same. */
  readonly served: Record<Door['kind'], string | undefined>;
}

export class Edges {
  readonly #origins: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;
  #own = ownOf(undefined);

  constructor({ allowedOrigins, allowedHosts }: EdgeLists) {
    this.#origins = new Set(allowedOrigins);
    this.#hosts = new Set(allowedHosts);
  }

  /** `header`: the value of `Host`, '' where there is none. Before the first snapshot there is nothing to protect and no name to compare with. */
  servesHost(header: string, { kind }: Door, tables: Tables | undefined): boolean {
    const own = this.#ownBy(tables);
    if (tables === undefined || header === own.served[kind]) return true;
    const host = header.replace(/:\d{1,5}$/, '').toLowerCase();
    if (!this.#serves(host, kind, own)) return false;
    own.served[kind] = header;
    return true;
  }

  servesOrigin(origin: string, { kind }: Door, tables: Tables | undefined): boolean {
    if (origin === this.#ownBy(tables).origin || this.#origins.has(origin)) return true;
    return kind === 'loopback' && isLoopbackOrigin(origin);
  }

  #serves(host: string, kind: Door['kind'], own: Own): boolean {
    if (kind === 'mesh') return host === own.meshHost;
    if (host === own.host || this.#hosts.has(host)) return true;
    return kind === 'loopback' && isLoopbackHost(host);
  }

  #ownBy(tables: Tables | undefined): Own {
    if (this.#own.tables !== tables) this.#own = ownOf(tables);
    return this.#own;
  }
}

function ownOf(tables: Tables | undefined): Own {
  const url = tables && URL.parse(tables.self.url);
  return {
    tables,
    origin: url?.origin ?? '',
    host: url?.hostname ?? '',
    meshHost: tables ? meshName(tables.self.name, tables.federation) : '',
    served: { public: undefined, loopback: undefined, mesh: undefined },
  };
}
