/** An MCP server that says exactly what a test tells it to, over bare node:http, and keeps what it was asked. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
  /** Resolves when the exchange's connection or response has closed. */
  readonly closed: Promise<void>;
}
export type Script = (seen: Seen, response: ServerResponse) => void;

export class Upstream implements AsyncDisposable {
  readonly seen: Seen[] = [];
  script: Script = answerEcho;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async start(script?: Script, at = { host: '127.0.0.1', port: 0 }): Promise<Upstream> {
    const upstream = new Upstream();
    if (script) upstream.script = script;
    await new Promise<void>((resolve) => upstream.#server.listen(at.port, at.host, resolve));
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const closed = new Promise<void>((resolve) => response.once('close', resolve));
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method = '', url = '', headers, rawHeaders } = request;
    const seen = { method, url, headers, rawHeaders, body, closed };
    this.seen.push(seen);
    this.script(seen, response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await stopped;
  }
}

/** A tool result that repeats the request's id. */
export const answerEcho: Script = (seen, response) => {
  const { id } = JSON.parse(seen.body || '{}');
  answerJson(response, { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'pong' }] } });
};

export function answerJson(
  response: ServerResponse,
  message: unknown,
  headers: Record<string, string> = {},
  status = 200,
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(message));
}
