/**
 * Which MCP server a public path names. `/mcp/<server>` is ours; the aliases keep client configurations of other gateways working.
 * One trailing slash is the same path; nothing is decoded or normalised, so no spelling but these reaches a server.
 */

const PATHS = [
  /^\/mcp\/([a-z0-9-]{1,63})\/?$/,
  /^\/api\/llm\/mcp\/([a-z0-9-]{1,63})\/server\/?$/,
  /^\/default\/mcp\/([a-z0-9-]{1,63})\/server\/?$/,
] as const;

/** Path without the query → server name; undefined where no MCP server can be. */
export function serverOfPath(path: string): string | undefined {
  for (const form of PATHS) {
    const match = form.exec(path);
    if (match) return match[1];
  }
  return undefined;
}

/** The path on which a gateway asks its peer for a server. */
export const serverPath = (server: string): string => `/mcp/${server}`;
