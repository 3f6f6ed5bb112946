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

/** A plane's URL is its first port; its other listeners follow it. */
export function localUrls(base: number): LocalUrls {
  const https = (offset: number): string => `https://localhost:${base + offset}`;
  return {
    control: https(0),
    gateway: (name) => https(10 * (gatewayNames.indexOf(name) + 1)),
    server: (name) => `http://127.0.0.1:${base + 80 + serverNames.indexOf(name)}/mcp`,
  };
}
