/**
 * Where a call goes next. Pure: asks nobody, throws nothing; the stage `route` turns a loop into 508.
 */
import type { Hop } from './hop.ts';
import type { McpServer, Peer } from './snapshot.ts';

export interface Self {
  readonly name: string;
  readonly url: string;
}

export type Destination =
  | { readonly kind: 'upstream'; readonly url: string }
  | { readonly kind: 'peer'; readonly gateway: string }
  | { readonly kind: 'no-route'; readonly gateway: string }
  | { readonly kind: 'loop'; readonly via: readonly string[] };

/** A server whose `proxyUrl` is ours is dialled here; any other is one hop away, and a call makes one hop only. */
export function destination(server: McpServer, self: Self, peers: ReadonlyMap<string, Peer>, hop?: Hop): Destination {
  if (hop && (hop.hops > 1 || hop.via.includes(self.name))) return { kind: 'loop', via: [...hop.via, self.name] };
  if (server.proxyUrl === self.url && server.url !== undefined) return { kind: 'upstream', url: server.url };
  if (hop) return { kind: 'loop', via: [...hop.via, self.name] };
  const peer = peers.get(server.proxyUrl);
  return peer ? { kind: 'peer', gateway: peer.name } : { kind: 'no-route', gateway: server.gateway };
}
