/** Migration 0003: how gateways treat an MCP server (`ServerSettings` of core). Servers from before have none. */

// table
export const sql = `
ALTER TABLE mcp_servers ADD COLUMN settings jsonb NOT NULL DEFAULT '{}';
`;
