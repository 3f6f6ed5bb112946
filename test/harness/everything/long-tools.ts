/** Work that takes as long as its caller wants, says how far it is, and stops when the caller has gone or cancels. */
import { setTimeout as wait } from 'node:timers/promises';
import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { text } from './text.ts';

const Work = z.object({ ms: z.number().int().min(0).max(600_000), steps: z.number().int().min(1).max(10_000) });

export function registerLongTools(server: McpServer): void {
  server.registerTool('test_long_work', { description: 'Reports each step.', inputSchema: Work }, async (work, ctx) => {
    const { signal, _meta } = ctx.mcpReq;
    for (let step = 1; step <= work.steps; step += 1) {
      await wait(work.ms / work.steps, undefined, { signal });
      const params = { progressToken: _meta?.progressToken ?? '', progress: step, total: work.steps };
      if (_meta?.progressToken !== undefined) await ctx.mcpReq.notify({ method: 'notifications/progress', params });
    }
    return text('done');
  });
}
