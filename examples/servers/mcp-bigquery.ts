/**
 * mcp-bigquery (site gcp): a data warehouse to read. It shows an argument that travels in a header too (`project`, by
 * `x-mcp-header`: 2026-07-28, basic/transports), so that a proxy can route on it without opening the body; streamed
 * progress; and a completion for a resource template.
 */
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { findTable, parseQuery, rowsOf, warehouse } from './data/bigquery.ts';
import { reportProgress } from './report-progress.ts';
import { serveMcp } from './serve-mcp.ts';
import { refused, structured } from './structured.ts';

const annotations = { readOnlyHint: true, openWorldHint: false } as const;
const Project = z
  .string()
  .min(1)
  .optional()
  .meta({ description: 'The project that pays; portolan-demo when absent.', 'x-mcp-header': 'Project' });
const Sql = z.string().min(1).max(10_000).describe('SELECT columns FROM dataset.table [LIMIT n]');
const Statement = z.strictObject({ sql: Sql, project: Project });

export function bigquery(): McpServer {
  const server = new McpServer({ name: 'mcp-bigquery', version: '1.0.0', title: 'BigQuery (example)' });
  registerTables(server);
  registerQueries(server);
  registerSchemas(server);
  return server;
}

function registerTables(server: McpServer): void {
  server.registerTool(
    'list_datasets',
    { title: 'Datasets', description: 'Lists the datasets of the warehouse.', annotations },
    () => structured({ datasets: Object.keys(warehouse) }),
  );
  server.registerTool(
    'list_tables',
    {
      title: 'Tables',
      description: 'Lists the tables of a dataset with their columns, rows and bytes.',
      inputSchema: z.strictObject({ dataset: z.string().min(1) }),
      annotations,
    },
    ({ dataset }) => {
      const tables = Object.hasOwn(warehouse, dataset) ? warehouse[dataset] : undefined;
      return tables ? structured({ dataset, tables }) : refused(`Not found: dataset ${dataset}.`);
    },
  );
}

function registerQueries(server: McpServer): void {
  server.registerTool(
    'dry_run_query',
    {
      title: 'Price a query',
      description: 'Tells how many bytes a query would read, without running it.',
      inputSchema: Statement,
      annotations,
    },
    ({ sql, project = 'portolan-demo' }) => {
      const query = parseQuery(sql);
      return typeof query === 'string' ? refused(query) : structured({ project, bytes: query.table.bytes });
    },
  );
  server.registerTool(
    'run_query',
    {
      title: 'Run a query',
      description: 'Runs a query and gives its rows; reports progress while it runs.',
      inputSchema: Statement,
      annotations,
    },
    async ({ sql, project = 'portolan-demo' }, context) => {
      const query = parseQuery(sql);
      if (typeof query === 'string') return refused(query);
      await reportProgress(context, ['planned', 'scanned', 'sorted'], 20);
      return structured({ project, bytes: query.table.bytes, rows: rowsOf(query) });
    },
  );
}

function registerSchemas(server: McpServer): void {
  const complete = { dataset: (typed: string) => Object.keys(warehouse).filter((name) => name.startsWith(typed)) };
  server.registerResource(
    'schema',
    new ResourceTemplate('bigquery://{dataset}/{table}/schema', { list: undefined, complete }),
    { title: 'Schema of a table', mimeType: 'application/json' },
    (uri, { dataset, table }) => {
      const found = findTable(String(dataset), String(table));
      if (!found) throw new Error(`Not found: table ${dataset}.${table}.`);
      return { contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(found.columns) }] };
    },
  );
}

if (import.meta.main) serveMcp('mcp-bigquery', bigquery);
