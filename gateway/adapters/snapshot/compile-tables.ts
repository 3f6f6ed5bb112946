/**
 * Tables as rows → tables as look-ups (`Tables` of ports.ts). Built beside those in force and swapped as a whole by the registry.
 * Grants are grouped here and compiled when a principal first asks, so that applying costs nothing for those who never call.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import {
  type CompiledGrants,
  compileGrants,
  type PrincipalKind,
  type TokenDigest,
  type WholeSnapshot,
} from '@portolan/core';
import type { CheckableToken, Tables } from '../../ports.ts';
import { SLICE } from './read-tables.ts';
import { SnapshotRefused } from './verify-snapshot.ts';

export async function compileTables(snapshot: WholeSnapshot): Promise<Tables> {
  const { peers, grants, tokens } = snapshot.tables;
  const servers = new Map(snapshot.tables.servers.map((server) => [server.name, server]));
  return Object.freeze({
    revision: snapshot.revision,
    federation: snapshot.federation,
    self: Object.freeze({ name: snapshot.gateway, url: snapshot.url }),
    notAfter: snapshot.issuedAt + snapshot.maxStalenessMs,
    servers,
    peers: new Map(peers.map((peer) => [peer.name, peer])),
    peersByUrl: new Map(peers.map((peer) => [peer.url, peer])),
    tokens: await compileTokens(tokens),
    grantsOf: grantsOnDemand(grants, servers),
  });
}

async function compileTokens(rows: readonly TokenDigest[]): Promise<ReadonlyMap<string, CheckableToken>> {
  const tokens = new Map<string, CheckableToken>();
  for (const [at, row] of rows.entries()) {
    tokens.set(row.id, { ...row, secretSha256: digest(row.secretSha256), proofSha256: digest(row.proofSha256) });
    if (at % SLICE === SLICE - 1) await breathe();
  }
  return tokens;
}

function digest(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== 32) throw new SnapshotRefused('a token digest is not 32 bytes of base64url');
  return bytes;
}

const principalKey = (kind: PrincipalKind, name: string): string => `${kind}:${name}`;
const nothing: CompiledGrants = compileGrants([]);

function grantsOnDemand(grants: WholeSnapshot['tables']['grants'], servers: Tables['servers']): Tables['grantsOf'] {
  const rows = Map.groupBy(grants, ({ principal }) => principalKey(principal.kind, principal.name));
  const compiled = new Map<string, CompiledGrants>();
  return (kind, name) => {
    const key = principalKey(kind, name);
    const known = compiled.get(key);
    if (known) return known;
    const own = rows.get(key);
    // not kept: names without a grant must not grow the cache
    if (!own) return nothing;
    const made = compileGrants(own, servers);
    compiled.set(key, made);
    return made;
  };
}
