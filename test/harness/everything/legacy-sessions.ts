/**
 * Sessions of revision 2025-11-25 and older: `initialize` opens one, DELETE ends it, an unknown id is 404. Each has a server of its own
 * and a store of events, so that a stream can be resumed and a call can be polled (SEP-1699: priming event, `retry:`).
 */
import { randomUUID } from 'node:crypto';
import { type McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { MemoryEvents } from './memory-events.ts';

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly server: McpServer;
  readonly subscribed: Set<string>;
}

/** A client that polls comes back after this. */
const RETRY_MS = 500;

const problem = (status: number, code: number, message: string): Response =>
  Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });

export class LegacySessions {
  readonly #open = new Map<string, Session>();
  readonly #build: () => McpServer;

  constructor(build: () => McpServer) {
    this.#build = build;
  }

  async fetch(request: Request): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    if (id !== null) {
      const session = this.#open.get(id);
      return session ? session.transport.handleRequest(request) : problem(404, -32001, 'Session not found');
    }
    if (request.method !== 'POST') return problem(400, -32000, 'Bad Request: Mcp-Session-Id header is required');
    return this.#begin(request);
  }

  /** Does it on every open session; with `uri`, on those that have subscribed to it. */
  each(act: (server: McpServer) => void, uri?: string): void {
    for (const { server, subscribed } of this.#open.values()) if (uri === undefined || subscribed.has(uri)) act(server);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ server }) => server.close()));
    this.#open.clear();
  }

  /** A transport refuses whatever comes first and is not `initialize`; it is then forgotten. */
  async #begin(request: Request): Promise<Response> {
    const server = this.#build();
    const subscribed = new Set<string>();
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      eventStore: new MemoryEvents(),
      retryInterval: RETRY_MS,
      onsessioninitialized: (id) => void this.#open.set(id, { transport, server, subscribed }),
      onsessionclosed: (id) => void this.#open.delete(id),
    });
    takeSubscriptions(server, subscribed);
    await server.connect(transport);
    return transport.handleRequest(request);
  }
}

function takeSubscriptions(server: McpServer, subscribed: Set<string>): void {
  server.server.setRequestHandler('resources/subscribe', ({ params }) => {
    subscribed.add(params.uri);
    return {};
  });
  server.server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    subscribed.delete(params.uri);
    return {};
  });
}
