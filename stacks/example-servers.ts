/** The example MCP servers as processes of a site: one file of the examples' folder each, restarted when it, or what they share, changes. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { type GatewayPlane, LocalMcpServer, type LocalSite } from '@portolan/components';
import type { LocalSettings } from './local-settings.ts';

/** @returns Creates one server within reach of a gateway. */
export function exampleServers(site: LocalSite, { examples, urls }: LocalSettings['local']) {
  // not the other servers: a copy that a user puts beside them must not restart these
  const exclude = ['node_modules', '**/*.test.ts', 'mcp-*.ts'];
  const sources = globSync('**/*.ts', { cwd: examples, exclude }).sort();
  return (name: keyof typeof urls.servers, gateway: GatewayPlane, description: string): LocalMcpServer =>
    new LocalMcpServer(name, {
      site,
      gateway,
      script: join(examples, `${name}.ts`),
      sources: sources.map((file) => join(examples, file)),
      url: urls.servers[name],
      description,
    });
}
