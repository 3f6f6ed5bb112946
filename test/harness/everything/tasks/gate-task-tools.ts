/**
 * Refuses a call of a tool that can only answer with a task, where the request does not declare the extension: -32021 with status 400
 * (SEP-2663, "Required Capabilities"). Before the SDK, because from inside a tool every error becomes a tool result.
 */
import { CLIENT_CAPABILITIES_META_KEY, MissingRequiredClientCapabilityError } from '@modelcontextprotocol/server';
import { TASK_ONLY } from './task-only.ts';
import { TASKS } from './tasks-extension.ts';

type Fetch = (request: Request) => Promise<Response>;
interface Call {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: { readonly name?: string; readonly _meta?: Readonly<Record<string, unknown>> };
}

export function gateTaskTools(modern: Fetch): Fetch {
  return async (request) => {
    const call = request.method === 'POST' ? await read(request) : undefined;
    if (call?.method !== 'tools/call' || !TASK_ONLY.has(call.params?.name ?? '')) return modern(request);
    const can = call.params?._meta?.[CLIENT_CAPABILITIES_META_KEY] as
      | { extensions?: Record<string, unknown> }
      | undefined;
    if (can?.extensions?.[TASKS] !== undefined) return modern(request);
    const { code, message, data } = new MissingRequiredClientCapabilityError({
      requiredCapabilities: { extensions: { [TASKS]: {} } },
    });
    return Response.json({ jsonrpc: '2.0', id: call.id, error: { code, message, data } }, { status: 400 });
  };
}

/** What is not JSON is the SDK's to refuse. */
async function read(request: Request): Promise<Call | undefined> {
  try {
    return (await request.clone().json()) as Call;
  } catch {
    return undefined;
  }
}
