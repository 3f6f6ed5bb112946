/** Hooks by which the suite makes the server do what it wants to see (scenario server-stateless). */
import { inputRequired, inputResponse, type McpServer, type ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Changes } from './changes.ts';
import { text } from './text.ts';

export function registerDiagnosticTools(server: McpServer, changes: Changes): void {
  server.registerTool('test_missing_capability', { description: 'Needs sampling of the client.' }, (ctx) => {
    if (inputResponse(ctx.mcpReq.inputResponses, 'answer').kind === 'sampling') return text('sampled');
    const params = {
      messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'Hi' } }],
      maxTokens: 10,
    };
    return inputRequired({ inputRequests: { answer: inputRequired.createMessage(params) } });
  });
  server.registerTool('test_streaming_elicitation', { description: 'Asks in the middle of a stream.' }, streamThenAsk);
  server.registerTool('test_logging_tool', { description: 'Logs, if the request allows it.' }, async (ctx) => {
    await ctx.mcpReq.log('info', 'one line');
    return text('logged, if it may');
  });
  server.registerTool('test_trigger_tool_change', { description: 'Says that the tools have changed.' }, () => {
    changes.tools();
    return text('said so');
  });
  server.registerTool('test_trigger_prompt_change', { description: 'Says that the prompts have changed.' }, () => {
    changes.prompts();
    return text('said so');
  });
  server.registerTool(
    'test_trigger_resource_update',
    { description: 'Says that a resource has changed.', inputSchema: z.object({ uri: z.string() }) },
    ({ uri }) => {
      changes.resource(uri);
      return text('said so');
    },
  );
}

async function streamThenAsk(ctx: ServerContext) {
  const given = inputResponse(ctx.mcpReq.inputResponses, 'answer');
  if (given.kind === 'elicit') return text(`action=${given.action}`);
  const progressToken = ctx.mcpReq._meta?.progressToken;
  if (progressToken !== undefined) {
    await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1, total: 2 } });
  }
  const requestedSchema = z.object({ answer: z.string() });
  return inputRequired({ inputRequests: { answer: inputRequired.elicit({ message: 'Go on?', requestedSchema }) } });
}
