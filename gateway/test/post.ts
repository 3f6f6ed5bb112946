/** One MCP request as a client sends it. */
export interface Sent {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export const jsonHeaders = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

export const post = (url: string, body: unknown, { token, headers, signal }: Sent = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { ...jsonHeaders, ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal && { signal }),
  });

export const call = (tool: string, args: object = {}, id: number | string = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: tool, arguments: args },
});

export async function outcome(reply: Response): Promise<{ status: number; body: unknown }> {
  const text = await reply.text();
  return { status: reply.status, body: text === '' ? undefined : JSON.parse(text) };
}
