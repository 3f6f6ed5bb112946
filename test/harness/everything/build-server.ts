/** One instance of the everything server: a legacy session has one for its life, a modern request one for itself. */
import { createRequestStateCodec, McpServer } from '@modelcontextprotocol/server';
import type { Changes } from './changes.ts';
import { registerContentTools } from './content-tools.ts';
import { registerDiagnosticTools } from './diagnostic-tools.ts';
import { registerElicitationTools } from './elicitation-tools.ts';
import { registerInputRequiredTools } from './input-required-tools.ts';
import { registerLongTools } from './long-tools.ts';
import { registerPrompts } from './prompts.ts';
import { registerResources } from './resources.ts';
import { registerSchemaTools } from './schema-tools.ts';
import { registerSkills } from './skills.ts';
import { registerTasks } from './tasks/register-tasks.ts';
import type { TaskStore } from './tasks/task-store.ts';
import { TASKS } from './tasks/tasks-extension.ts';

export interface Build {
  readonly era: 'legacy' | 'modern';
  readonly changes: Changes;
  readonly tasks: TaskStore;
}

/** One key for all instances: the retry of a modern request meets another one than its first round. */
const states = createRequestStateCodec({ key: crypto.getRandomValues(new Uint8Array(32)), ttlSeconds: 600 });

export function buildServer({ era, changes, tasks }: Build): McpServer {
  const server = new McpServer(
    { name: 'portolan-everything', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        completions: {},
        logging: {},
        ...(era === 'modern' && { extensions: { [TASKS]: {} } }),
      },
      requestState: { verify: states.verify },
    },
  );
  registerContentTools(server);
  registerSchemaTools(server);
  registerElicitationTools(server);
  registerInputRequiredTools(server, states);
  registerDiagnosticTools(server, changes);
  registerLongTools(server);
  registerPrompts(server);
  registerResources(server);
  if (era === 'modern') {
    registerSkills(server);
    registerTasks(server, tasks);
  }
  return server;
}
