/** MCP servers: each stands behind one gateway, whose URL is its proxy URL. */
import { api, Name } from '@portolan/core';
import { deleteRow, type Kind, optional, type Read, stamps, type Which, type Write, whichNames } from './kind.ts';
import { plainUrl } from './plain-url.ts';
import { activeGateway } from './references.ts';

export const mcpServers: Kind<api.McpServerBody, api.McpServerView> = {
  noun: 'MCP server',
  path: 'mcp-servers',
  removal: 'Deletes the MCP server.',
  change: 'mcp-server',
  table: 'mcp_servers',
  name: Name,
  body: api.McpServerBody,
  view: api.McpServerView,
  columns: ({ url, gateway, description, ...settings }) => ({
    url,
    gateway,
    description: description ?? null,
    settings: JSON.stringify(settings),
  }),
  views,
  check,
  referrers,
  remove: (trx, name) => deleteRow(trx, 'mcp_servers', name),
};

async function views(db: Read, which: Which): Promise<readonly api.McpServerView[]> {
  const { equal, after, limit } = whichNames(which);
  const rows = await db
    .selectFrom('mcp_servers as s')
    .innerJoin('gateways as g', 'g.name', 's.gateway')
    .selectAll('s')
    .select('g.url as proxy_url')
    .where('s.name', '>', after)
    .$if(equal !== null, (query) => query.where('s.name', '=', equal))
    .orderBy('s.name')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    name: row.name,
    url: row.url,
    gateway: row.gateway,
    proxyUrl: row.proxy_url,
    ...optional('description', row.description),
    ...row.settings,
    ...stamps(row),
  }));
}

async function check(trx: Write, _: string, body: api.McpServerBody): Promise<boolean> {
  plainUrl(body.url, { query: true });
  await activeGateway(trx, body.gateway, 'gateway');
  return false;
}

async function referrers(trx: Write, name: string): Promise<readonly string[]> {
  const grants = await trx.selectFrom('grants').select('name').where('server', '=', name).orderBy('name').execute();
  return grants.map((grant) => `grant "${grant.name}"`);
}
