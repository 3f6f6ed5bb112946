/**
 * mcp-analytics (site aws): web and sales figures, read only. It shows a static resource (the catalogue of metrics), a
 * prompt, and schemas whose contradictions are told to the model as the tool's own error.
 */
import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { daysBetween, metricNames, metrics, topPages, valueOn } from './data/analytics.ts';
import { serveMcp } from './serve-mcp.ts';
import { refused, structured } from './structured.ts';

const annotations = { readOnlyHint: true, openWorldHint: false } as const;
const Day = z.iso.date().describe('A day as YYYY-MM-DD.');
const MetricName = z.enum(metricNames).describe('A name from list_metrics.');
const Range = z.strictObject({ metric: MetricName, from: Day, to: Day.describe('The last day, included.') });
const longestRange = 92; // days; a quarter

export function analytics(): McpServer {
  const server = new McpServer({ name: 'mcp-analytics', version: '1.0.0', title: 'Analytics (example)' });
  registerCatalogue(server);
  registerFigures(server);
  registerPages(server);
  registerReportPrompt(server);
  return server;
}

function registerCatalogue(server: McpServer): void {
  const catalogue = metricNames.map((name) => ({ name, ...metrics[name] }));
  server.registerTool(
    'list_metrics',
    { title: 'Metrics', description: 'Lists the metrics there are, with unit and meaning.', annotations },
    () => structured({ metrics: catalogue }),
  );
  server.registerResource(
    'metrics',
    'analytics://metrics',
    { title: 'Catalogue of metrics', mimeType: 'application/json' },
    (uri) => ({ contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(catalogue) }] }),
  );
}

function registerFigures(server: McpServer): void {
  server.registerTool(
    'query_metric',
    {
      title: 'A metric by day',
      description: `Gives one value a day, from the first to the last day, at most ${longestRange} days.`,
      inputSchema: Range,
      annotations,
    },
    ({ metric, from, to }) => {
      const days = daysBetween(from, to);
      if (days.length === 0) return refused(`"to" (${to}) lies before "from" (${from}); swap them.`);
      if (days.length > longestRange)
        return refused(`${days.length} days asked, ${longestRange} allowed; ask in parts.`);
      const points = days.map((day) => ({ day, value: valueOn(metric, day) }));
      return structured({ metric, unit: metrics[metric].unit, points });
    },
  );
}

function registerPages(server: McpServer): void {
  server.registerTool(
    'top_pages',
    {
      title: 'Busiest pages',
      description: 'Lists the pages with the most views on a day.',
      inputSchema: z.strictObject({ day: Day, limit: z.int().min(1).max(8).default(5) }),
      annotations,
    },
    ({ day, limit }) => structured({ day, pages: topPages(day, limit) }),
  );
}

function registerReportPrompt(server: McpServer): void {
  server.registerPrompt(
    'weekly_report',
    {
      title: 'Weekly report',
      description: 'Asks for a report of the week that begins on a day.',
      argsSchema: z.object({ monday: Day }),
    },
    ({ monday }) => {
      const text = `Write the report of the week from ${monday}. Query ${metricNames.join(', ')}; name what stands out.`;
      return { messages: [{ role: 'user', content: { type: 'text', text } }] };
    },
  );
}

if (import.meta.main) serveMcp('mcp-analytics', analytics);
