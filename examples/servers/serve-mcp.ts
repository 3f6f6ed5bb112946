/**
 * Puts an MCP server behind HTTP on loopback: `/mcp` (and `/`) for MCP in both protocol eras, `/healthz` for readiness.
 * It leaves tools, prompts and resources to the server that calls it, and who may call them to the gateway in front.
 * Invariant: it never listens on another address than 127.0.0.1, and a page in a browser cannot reach it by a foreign
 * Host or Origin.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  localhostHostValidation,
  localhostOriginValidation,
  type NodeIncomingMessageLike,
  type NodeMcpRequestHandler,
  toNodeHandler,
} from '@modelcontextprotocol/node';
import { createMcpHandler, type McpServerFactory } from '@modelcontextprotocol/server';
import { answerHealth, listenOnLoopback, readPort } from './loopback-process.ts';

/** Serves `build` until SIGTERM. `build` makes a fresh server per request: 2026-07-28 has no sessions, and the older
 * era is answered without one too (GET and DELETE are 405). The port comes from `--port N`; 0 takes a free one. */
export function serveMcp(name: string, build: McpServerFactory): void {
  const onerror = (error: Error) => console.error(`${name}: ${error.message}`);
  const mcp = toNodeHandler(createMcpHandler(build, { onerror }), { onerror });
  const server = createServer(answer(mcp));
  listenOnLoopback(server, name, readPort(name, process.argv.slice(2)));
}

function answer(mcp: NodeMcpRequestHandler) {
  const hostIsOurs = localhostHostValidation();
  const originIsOurs = localhostOriginValidation();
  return (request: IncomingMessage, response: ServerResponse) => {
    if (answerHealth(request, response)) return;
    if (!hostIsOurs(request, response) || !originIsOurs(request, response)) return;
    if (request.url === '/mcp' || request.url === '/') {
      return mcp(request as NodeIncomingMessageLike, response); // the SDK's type is not written for exactOptionalPropertyTypes
    }
    // clients probe /.well-known/oauth-*: a clean 404 tells them that no sign-in is needed here
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not_found"}');
  };
}
