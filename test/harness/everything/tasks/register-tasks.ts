/** `tasks/get`, `tasks/update` and `tasks/cancel`, for clients that declare the extension on that very request; and the tools that make tasks. */
import { type McpServer, MissingRequiredClientCapabilityError, type ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { clientCapabilities } from '../client-capabilities.ts';
import type { TaskStore } from './task-store.ts';
import { registerTaskTools } from './task-tools.ts';
import { TASKS } from './tasks-extension.ts';

const Id = z.looseObject({ taskId: z.string() });

export function registerTasks(server: McpServer, store: TaskStore): void {
  registerTaskTools(server, { store, declares });
  server.server.setRequestHandler('tasks/get', { params: Id, result: z.looseObject({}) }, ({ taskId }, ctx) => {
    demand(ctx);
    return store.find(taskId).detail;
  });
  server.server.setRequestHandler('tasks/update', { params: Id, result: z.looseObject({}) }, ({ taskId }, ctx) => {
    demand(ctx);
    // the SDK has taken them out of the params, as it does for MRTR
    store.find(taskId).answer(ctx.mcpReq.inputResponses ?? {});
    return {};
  });
  server.server.setRequestHandler('tasks/cancel', { params: Id, result: z.looseObject({}) }, ({ taskId }, ctx) => {
    demand(ctx);
    store.find(taskId).cancel();
    return {};
  });
}

/** Declared on this very request: nothing is remembered. */
const declares = (ctx: ServerContext): boolean => clientCapabilities(ctx).extensions?.[TASKS] !== undefined;

function demand(ctx: ServerContext): void {
  if (declares(ctx)) return;
  throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [TASKS]: {} } } });
}
