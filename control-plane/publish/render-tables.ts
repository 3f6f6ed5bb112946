/**
 * One gateway's view of the registry. Pure.
 * It learns upstream URLs of its own servers only, proof digests for its own name only, and peers of its own matrix only; a retired one learns nothing.
 */
import type { McpServer, Peer, Tables, TokenDigest } from '@portolan/core';
import type { GatewayRow, RegistryRows, ServerRow } from './registry-rows.ts';

/** `sha256(p)` of a token at one gateway, base64url; undefined where the token's hop key cannot be opened: such a token is left out. */
export type ProofDigests = (tokenId: string) => string | undefined;

export function renderTables(rows: RegistryRows, gateway: GatewayRow, proofs: ProofDigests): Tables {
  if (!gateway.active) return { peers: [], servers: [], grants: [], tokens: [] };
  return {
    peers: peersOf(rows, gateway.name),
    servers: serversFor(rows, gateway.name),
    grants: [...rows.grants],
    tokens: tokensFor(rows, proofs),
  };
}

function peersOf(rows: RegistryRows, self: string): Peer[] {
  const names = new Set(rows.pairs.flatMap(([a, b]) => (a === self ? [b] : b === self ? [a] : [])));
  return rows.gateways
    .filter((other) => other.active && other.name !== self && names.has(other.name))
    .map(({ name, url, dial, minIssuedAt }) => ({ name, url, dial, minIssuedAt }));
}

function serversFor(rows: RegistryRows, self: string): McpServer[] {
  const urls = new Map(rows.gateways.filter((gateway) => gateway.active).map(({ name, url }) => [name, url]));
  return rows.servers.flatMap((server) => {
    const proxyUrl = urls.get(server.gateway);
    return proxyUrl === undefined ? [] : [serverFor(server, proxyUrl, self)];
  });
}

const serverFor = (row: ServerRow, proxyUrl: string, self: string): McpServer => {
  const { name, url, gateway, description, settings } = row;
  return {
    name,
    proxyUrl,
    gateway,
    ...(gateway === self ? { url } : {}),
    ...(description === null ? {} : { description }),
    ...settings,
  };
};

function tokensFor(rows: RegistryRows, proofs: ProofDigests): TokenDigest[] {
  return rows.tokens.flatMap(({ id, kind, principal, sha256, expiresAt }) => {
    const proofSha256 = proofs(id);
    if (proofSha256 === undefined) return [];
    return [
      { id, kind, principal: { ...principal }, secretSha256: sha256.toString('base64url'), proofSha256, expiresAt },
    ];
  });
}
