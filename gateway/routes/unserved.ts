/**
 * Everything else: 404 as JSON without asking who it is. `/.well-known/oauth-*` is among it on purpose, until there is an authorization
 * server: a client that holds a token in a header must not be led into a sign-in.
 */
import type { FastifyInstance } from 'fastify';
import { type Answering, hijack, unreached } from './mcp.ts';

export async function unservedRoutes(
  router: FastifyInstance,
  { answer }: { readonly answer: Answering },
): Promise<void> {
  router.all('/*', { onRequest: hijack(answer) }, unreached);
}
