/**
 * Streams progress out of a running tool. The notifications travel on the call's own SSE stream, in both eras, and only
 * when the caller gave a `progressToken`. A caller who leaves aborts the wait, so no work goes on for nobody.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { ServerContext } from '@modelcontextprotocol/server';

/** Walks through `steps`, one every `pace` ms, with a notification after each. Rejects with AbortError on cancel. */
export async function reportProgress(context: ServerContext, steps: readonly string[], pace = 60): Promise<void> {
  for (const [done, message] of steps.entries()) {
    await wait(pace, undefined, { signal: context.mcpReq.signal });
    await notify(context, { progress: done + 1, total: steps.length, message });
  }
}

async function notify(context: ServerContext, progress: { progress: number; total: number; message: string }) {
  const progressToken = context.mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  await context.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, ...progress } });
}
