/**
 * All that one gateway must know, as the control plane signs it: schema of the document, not how it travels.
 * Each gateway gets its own view: upstream URLs only of servers it handles, proof digests only for its own name.
 * Invariant: unknown keys are refused nowhere (an older gateway must read a newer control plane's document), missing ones everywhere.
 */
import { z } from 'zod';
import { GatewayName, Name } from './names.ts';

export const PrincipalKind = z.enum(['user', 'virtual-account']);
export type PrincipalKind = z.infer<typeof PrincipalKind>;

/** Allow or deny × principal × server × what. Globs: `*` any run of characters. Absent list = none of that kind. */
export const Grant = z.object({
  id: z.string(),
  effect: z.enum(['allow', 'deny']),
  principal: z.object({ kind: PrincipalKind, name: Name }),
  server: Name,
  everything: z.boolean().default(false),
  tools: z.array(z.string()).default([]),
  prompts: z.array(z.string()).default([]),
  resources: z.array(z.string()).default([]),
});
export type Grant = z.infer<typeof Grant>;

/** How gateways treat one MCP server, as it was registered. */
export const ServerSettings = z.object({
  /** Globs. What `include` does not name, or `exclude` names, exists for nobody. Absent `include` = every tool; an empty one = none. */
  tools: z.object({ include: z.array(z.string()).optional(), exclude: z.array(z.string()).optional() }).optional(),
  /** Headers that callers may add by `x-tfy-mcp-headers`; `Authorization` only with `mayOverrideAuth`. Absent = none. */
  headers: z.object({ names: z.array(z.string()), mayOverrideAuth: z.boolean().optional() }).optional(),
  /** Seconds without a byte of it, and of a whole call. Absent = the gateway's own limits. */
  deadlines: z.object({ idleSeconds: z.int().optional(), totalSeconds: z.int().optional() }).optional(),
});
export type ServerSettings = z.infer<typeof ServerSettings>;

/** A registered MCP server in one gateway's view. `url` is there only where this gateway handles it. */
export const McpServer = ServerSettings.extend({
  name: Name,
  /** The URL of the gateway that can reach it; compared with a gateway's own URL, never dialled. */
  proxyUrl: z.string(),
  gateway: GatewayName,
  url: z.string().optional(),
  description: z.string().optional(),
});
export type McpServer = z.infer<typeof McpServer>;

/** Another gateway that this one may call and be called by. */
export const Peer = z.object({
  name: GatewayName,
  url: z.string(),
  /** `host:port` to dial; its TLS name is `meshName(name, federation)`. */
  dial: z.string(),
  /** Certificates issued before this (ms since epoch) are no longer accepted. */
  minIssuedAt: z.int().default(0),
});
export type Peer = z.infer<typeof Peer>;

/** What a gateway needs to check a token as entry (`secretSha256`) and a proof as handling gateway (`proofSha256`); base64url. */
export const TokenDigest = z.object({
  id: z.string(),
  kind: z.enum(['pat', 'vat']),
  principal: z.object({ kind: PrincipalKind, name: Name }),
  secretSha256: z.string(),
  proofSha256: z.string(),
  /** ms since epoch. */
  expiresAt: z.int(),
});
export type TokenDigest = z.infer<typeof TokenDigest>;

/** A session-sealing key of this gateway: 32 bytes, as a JWE (ECDH-ES+A256KW, A256GCM) to one replica's key. */
export const SealedKey = z.object({
  kid: z.string(),
  /** ms since epoch; the newest seals, every one opens. */
  createdAt: z.int(),
  /** Replica (RFC 7638 thumbprint of its sealing key) → compact JWE. */
  sealed: z.record(z.string(), z.string()),
});
export type SealedKey = z.infer<typeof SealedKey>;

/** The certificate of the gateway's public name, where the control plane orders it. */
export const DeliveredCertificate = z.object({
  /** PEM, leaf first. */
  chain: z.string(),
  /** Replica → its private key (PKCS #8 PEM) as a compact JWE, as in `SealedKey`. */
  sealed: z.record(z.string(), z.string()),
});
export type DeliveredCertificate = z.infer<typeof DeliveredCertificate>;

/** The tables: inline, or gzip'ed JSON cut into content-addressed parts once the document outgrows one message. */
export const Tables = z.object({
  peers: z.array(Peer),
  servers: z.array(McpServer),
  grants: z.array(Grant),
  tokens: z.array(TokenDigest),
});
export type Tables = z.infer<typeof Tables>;

/** Payload of the snapshot's JWS (EdDSA, `typ: portolan-snapshot+jwt`). Times are ms since epoch. */
export const Snapshot = z.object({
  federation: Name,
  /** Audience: the one gateway that may apply it. */
  gateway: GatewayName,
  url: z.string(),
  /** Only ever rises; equal or lower is ignored. */
  revision: z.int().min(1),
  issuedAt: z.int(),
  /** Older than this a gateway answers 503 `snapshot_stale`. */
  maxStalenessMs: z.int().min(1),
  /** Mesh roots, PEM. */
  caBundle: z.array(z.string()).min(1),
  /** Keys that may sign the next snapshot (JWKS of Ed25519 keys), so that they can rotate. */
  snapshotKeys: z.array(z.record(z.string(), z.unknown())).min(1),
  sealingKeys: z.array(SealedKey),
  certificate: DeliveredCertificate.optional(),
  tables: Tables.optional(),
  parts: z.array(z.object({ sha256: z.string(), size: z.int() })).optional(),
  /** With `parts` only: SHA-256 (hex) of this payload with its tables inline. How it was packed decides nothing about what it says. */
  digest: z.string().optional(),
});
export type Snapshot = z.infer<typeof Snapshot>;

/** A snapshot whose parts have been fetched: what the gateway compiles and the control plane renders. */
export type WholeSnapshot = Omit<Snapshot, 'tables' | 'parts' | 'digest'> & { readonly tables: Tables };

/** What a gateway reports about itself, at each change and every 10 s. */
export const GatewayReport = z.object({
  gateway: GatewayName,
  replica: z.string(),
  version: z.string(),
  appliedRevision: z.int(),
  /** SHA-256 (hex) of the applied payload with its tables inline, however it travelled. */
  digest: z.string(),
  appliedAt: z.int(),
  certificateNotAfter: z.int(),
  spool: z.object({ bytes: z.int(), records: z.int(), dropped: z.int() }),
});
export type GatewayReport = z.infer<typeof GatewayReport>;
