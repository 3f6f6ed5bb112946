/** Tools that answer at once, one for each kind of content, and those that say something on the way: log, progress, a stream cut on purpose. */
import { setTimeout as wait } from 'node:timers/promises';
import type { McpServer, ServerContext } from '@modelcontextprotocol/server';
import { media } from './media.ts';
import { text } from './text.ts';

const STEP_MS = 50;

export function registerContentTools(server: McpServer): void {
  // the suite calls the first tool of the list without arguments
  server.registerTool('test_simple_text', { description: 'One text.' }, () =>
    text('This is a simple text response for testing.'),
  );
  server.registerTool('test_image_content', { description: 'One image.' }, () => ({ content: [media.image] }));
  server.registerTool('test_audio_content', { description: 'One sound.' }, () => ({ content: [media.audio] }));
  server.registerTool('test_embedded_resource', { description: 'One embedded resource.' }, () => ({
    content: [embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  }));
  server.registerTool('test_multiple_content_types', { description: 'Text, image and resource.' }, () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      media.image,
      embedded('test://mixed-content-resource', 'application/json', JSON.stringify({ test: 'data', value: 123 })),
    ],
  }));
  server.registerTool('test_error_handling', { description: 'Fails.' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('test_tool_with_logging', { description: 'Logs three times.' }, logThreeTimes);
  server.registerTool('test_tool_with_progress', { description: 'Reports progress at 0, 50 and 100.' }, progress);
  server.registerTool('test_reconnection', { description: 'Cuts its stream and answers on the next.' }, reconnection);
}

const embedded = (uri: string, mimeType: string, said: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType, text: said },
});

async function logThreeTimes(ctx: ServerContext) {
  for (const said of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await ctx.mcpReq.log('info', said);
    await wait(STEP_MS);
  }
  return text('Tool with logging executed successfully');
}

async function progress(ctx: ServerContext) {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  if (progressToken === undefined) return text('no progress token');
  for (const done of [0, 50, 100]) {
    const params = { progressToken, progress: done, total: 100, message: `Completed step ${done} of 100` };
    await ctx.mcpReq.notify({ method: 'notifications/progress', params });
    await wait(STEP_MS);
  }
  return text(String(progressToken));
}

/** SEP-1699: only a legacy stream can be cut and resumed; a modern client has lost a call whose stream has ended. */
async function reconnection(ctx: ServerContext) {
  ctx.http?.closeSSE?.();
  await wait(2 * STEP_MS);
  return text('The client has come back after its stream was closed.');
}
