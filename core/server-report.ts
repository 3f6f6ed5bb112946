/**
 * What a gateway reports of the MCP servers that it dials itself, one replica for itself, over `rpc.<gateway>.servers`.
 * Nothing here came unbounded from a server: texts are cut and versions checked where they are read.
 */
import { z } from 'zod';
import { GatewayName, Name } from './names.ts';
import { UpstreamEra } from './upstream-era.ts';

/** Times are ms since epoch. */
export const ServerState = z.object({
  server: Name,
  /** It answered the last probe as an MCP server does, be it by asking for credentials. */
  reachable: z.boolean(),
  /** Null until a probe has decided it; kept over probes that decide nothing. */
  era: UpstreamEra.nullable(),
  /** When the era was last probed and decided. */
  eraAt: z.int().nullable(),
  /** What it lists; of the legacy era the one that it settles on. Newest first. */
  protocolVersions: z.array(z.string().max(32)).max(16),
  serverInfo: z.object({ name: z.string().max(200), version: z.string().max(200) }).nullable(),
  /** Null where they could not be counted. */
  tools: z.int().min(0).nullable(),
  /** Of the last probe's first answer. */
  latencyMs: z.int().min(0).nullable(),
  checkedAt: z.int(),
  /** Of the last probe that found one, which may be past. */
  lastError: z.object({ code: z.string().max(64), message: z.string().max(500), at: z.int() }).nullable(),
});
export type ServerState = z.infer<typeof ServerState>;

/** Some or all of them: after each probe, and all every 30 s. */
export const ServerReport = z.object({
  gateway: GatewayName,
  replica: z.string().min(1).max(128),
  servers: z.array(ServerState).max(1000),
});
export type ServerReport = z.infer<typeof ServerReport>;
