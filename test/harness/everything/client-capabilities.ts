/** What the client of a modern request can do, as that request says. */
import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type ServerContext,
} from '@modelcontextprotocol/server';

export function clientCapabilities(ctx: ServerContext): ClientCapabilities {
  const envelope: Record<string, unknown> | undefined = ctx.mcpReq.envelope;
  return (envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {}) as ClientCapabilities;
}
