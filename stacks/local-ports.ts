/** The ports of a local stack: base + fixed offsets (docs/architecture.md "Local stack"). Pure. */

const gatewayNames = ['aws', 'azure', 'gcp', 'onprem'] as const;
const serverNames = ['mcp-analytics', 'mcp-m365', 'mcp-devops', 'mcp-bigquery', 'mcp-legacy'] as const;

export type LocalGatewayName = (typeof gatewayNames)[number];
export type LocalServerName = (typeof serverNames)[number];

export interface LocalUrls {
  readonly control: string;
  readonly gateway: (name: LocalGatewayName) => string;
  readonly server: (name: LocalServerName) => string;
}

/**
 * Ports for MCP servers, the only ones of this machine that gateways of the stack dial: 80 to 99, of which the examples have the
 * first five and the others are for servers of your own. No plane, and neither NATS nor PostgreSQL, listens on any of them.
 */
export const serverPorts = (base: number): number[] => Array.from({ length: 20 }, (_, at) => base + 80 + at);

/** A plane's URL is its first port; its other listeners follow it. */
export function localUrls(base: number): LocalUrls {
  const https = (offset: number): string => `https://localhost:${base + offset}`;
  return {
    control: https(0),
    gateway: (name) => https(10 * (gatewayNames.indexOf(name) + 1)),
    server: (name) => `http://127.0.0.1:${base + 80 + serverNames.indexOf(name)}/mcp`,
  };
}
