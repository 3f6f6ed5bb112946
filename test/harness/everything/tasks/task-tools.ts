/** Tools that work on behind their call. Without the extension `slow_compute` works within it; the others are not reached then (task-only.ts). */
import { setTimeout as wait } from 'node:timers/promises';
import {
  acceptedContent,
  type CallToolResult,
  type InputRequest,
  inputRequired,
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { text } from '../text.ts';
import type { TaskAsks, TaskStore } from './task-store.ts';

export interface TaskTools {
  readonly store: TaskStore;
  readonly declares: (ctx: ServerContext) => boolean;
}

const Name = z.object({ name: z.string() });
const Confirm = z.object({ confirm: z.boolean() });
const form = (message: string, requestedSchema: z.ZodObject): InputRequest =>
  inputRequired.elicit({ message, requestedSchema });

export function registerTaskTools(server: McpServer, tools: TaskTools): void {
  server.registerTool('greet', { description: 'Greets at once.', inputSchema: Name }, ({ name }) =>
    text(`Hello, ${name}!`),
  );
  const Compute = z.object({ seconds: z.number().min(0).max(60), label: z.string().optional() });
  server.registerTool(
    'slow_compute',
    { description: 'Takes its time.', inputSchema: Compute },
    ({ seconds, label }, ctx) => {
      const work = async ({ signal }: Pick<TaskAsks, 'signal'>) => {
        await wait(seconds * 1_000, undefined, { signal });
        return text(`computed ${label ?? ''}`);
      };
      return tools.declares(ctx) ? behind(tools, work) : work(ctx.mcpReq);
    },
  );
  server.registerTool('failing_job', { description: 'A task whose tool fails.' }, () =>
    behind(tools, async () => ({ ...text('the job has failed'), isError: true })),
  );
  server.registerTool('protocol_error_job', { description: 'A task that breaks.' }, () =>
    behind(tools, async () => {
      throw new ProtocolError(ProtocolErrorCode.InternalError, 'the server broke');
    }),
  );
  registerAskingTools(server, tools);
}

function registerAskingTools(server: McpServer, tools: TaskTools): void {
  const File = z.object({ filename: z.string() });
  server.registerTool('confirm_delete', { description: 'A task that asks.', inputSchema: File }, ({ filename }) =>
    behind(tools, async ({ input }) => {
      const given = await input({ confirm: form(`Delete ${filename}?`, Confirm) });
      return text(acceptedContent(given, 'confirm', Confirm)?.confirm ? `deleted ${filename}` : `kept ${filename}`);
    }),
  );
  server.registerTool('multi_input', { description: 'A task that asks twice at once.' }, () =>
    behind(tools, async ({ input }) => {
      const given = await input({ first: form('Your name?', Name), second: form('And the other?', Name) });
      return text(Object.keys(given).join(' and '));
    }),
  );
  server.registerTool('test_tool_with_task', { description: 'Asks first, then works on as a task.' }, (ctx) => {
    const given = acceptedContent(ctx.mcpReq.inputResponses, 'user_name', Name);
    if (!given) return inputRequired({ inputRequests: { user_name: form('What is your name?', Name) } });
    return behind(tools, async () => text(`Hello, ${given.name}!`));
  });
}

function behind({ store }: TaskTools, work: (asks: TaskAsks) => Promise<object>) {
  // the SDK knows no result of this type; it passes it on, with an empty `content` that nobody reads
  return store.create(work) as unknown as CallToolResult;
}
