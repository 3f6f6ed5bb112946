/**
 * mcp-devops (site azure): pipelines, builds and work items. It shows a tool that streams progress and can be cancelled
 * (`run_pipeline`), and annotations that tell a careful client apart what reads, what adds and what destroys.
 */
import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { buildOf, pipelines, stages, states, workItems } from './data/devops.ts';
import { idOf } from './draw.ts';
import { reportProgress } from './report-progress.ts';
import { serveMcp } from './serve-mcp.ts';
import { structured } from './structured.ts';

const reads = { readOnlyHint: true, openWorldHint: false } as const;
const adds = { readOnlyHint: false, destructiveHint: false, openWorldHint: false } as const;
const destroys = { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false } as const;

const BuildNumber = z.int().min(1).max(999_999).describe('The number of a build, for example 20431.');

export function devops(): McpServer {
  const server = new McpServer({ name: 'mcp-devops', version: '1.0.0', title: 'DevOps (example)' });
  registerBuilds(server);
  registerRun(server);
  registerWorkItems(server);
  return server;
}

function registerBuilds(server: McpServer): void {
  server.registerTool(
    'get_build',
    {
      title: 'One build',
      description: 'Tells pipeline, branch, commit, result and duration of a build.',
      inputSchema: z.strictObject({ number: BuildNumber }),
      annotations: reads,
    },
    ({ number }) => structured(buildOf(number)),
  );
  server.registerTool(
    'cancel_build',
    {
      title: 'Cancel a build',
      description: 'Stops a running build; what it has produced so far is thrown away.',
      inputSchema: z.strictObject({ number: BuildNumber }),
      annotations: destroys,
    },
    ({ number }) => structured({ number, result: 'cancelled' }),
  );
}

function registerRun(server: McpServer): void {
  server.registerTool(
    'run_pipeline',
    {
      title: 'Run a pipeline',
      description: 'Runs a pipeline and waits for its end, reporting each stage as progress.',
      inputSchema: z.strictObject({ pipeline: z.enum(pipelines), branch: z.string().min(1).default('main') }),
      annotations: adds,
    },
    async ({ pipeline, branch }, context) => {
      await reportProgress(context, stages);
      return structured({ build: `${pipeline}-${idOf(branch)}`, pipeline, branch, result: 'succeeded', stages });
    },
  );
}

function registerWorkItems(server: McpServer): void {
  server.registerTool(
    'list_work_items',
    {
      title: 'Work items',
      description: 'Lists bugs, stories and tasks, all of them or those in one state.',
      inputSchema: z.strictObject({ state: z.enum(states).optional() }),
      annotations: reads,
    },
    ({ state }) => structured({ items: workItems.filter((item) => state === undefined || item.state === state) }),
  );
  server.registerTool(
    'create_work_item',
    {
      title: 'New work item',
      description: 'Adds a bug, a story or a task to the board.',
      inputSchema: z.strictObject({ type: z.enum(['bug', 'story', 'task']), title: z.string().min(3).max(200) }),
      annotations: adds,
    },
    ({ type, title }) =>
      structured({ id: 2000 + (Number.parseInt(idOf(title), 16) % 8000), type, title, state: 'new' }),
  );
}

if (import.meta.main) serveMcp('mcp-devops', devops);
