/** The paths of MCP servers, `core/paths.ts`'s forms, for every method: which of them is allowed, the pipeline says. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** Takes a request over from the router, body unread. */
export type Answering = (request: IncomingMessage, response: ServerResponse) => void;

export async function mcpRoutes(router: FastifyInstance, { answer }: { readonly answer: Answering }): Promise<void> {
  for (const url of ['/mcp/*', '/api/llm/mcp/*', '/default/mcp/*']) {
    router.all(url, { onRequest: hijack(answer) }, unreached);
  }
}

/** Ends Fastify's part before it parses anything. */
export const hijack =
  (answer: Answering) =>
  (request: { raw: IncomingMessage }, reply: { raw: ServerResponse; hijack(): unknown }): void => {
    reply.hijack();
    answer(request.raw, reply.raw);
  };

export const unreached = (): never => {
  throw new Error('hijacked before');
};
