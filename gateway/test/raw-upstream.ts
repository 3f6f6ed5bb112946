/**
 * An MCP server that is a bare socket: it keeps what it is sent as bytes, finds the requests in them by their Content-Length alone, and answers with
 * whatever bytes a test likes, HTTP or not.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface RawRequest {
  readonly head: string;
  readonly body: string;
}
/** Called for each request that has come whole. */
export type RawScript = (socket: Socket, request: RawRequest) => void;

/** One request of a connection, taken from the front of what has come; undefined where it is not whole. */
function firstOf(text: string): { readonly request: RawRequest; readonly rest: string } | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const from = end + 4;
  const to = from + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  return text.length < to ? undefined : { request: { head, body: text.slice(from, to) }, rest: text.slice(to) };
}

export class RawUpstream implements AsyncDisposable {
  readonly requests: RawRequest[] = [];
  /** Everything that has come, on whatever connection, Latin-1. */
  bytes = '';
  script: RawScript = answerRaw;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#take(socket));
  }

  static async start(script?: RawScript): Promise<RawUpstream> {
    const upstream = new RawUpstream();
    if (script) upstream.script = script;
    await once(upstream.#server.listen(0, '127.0.0.1'), 'listening');
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  /** Connections that stand. */
  get open(): number {
    return this.#sockets.size;
  }

  forget(): void {
    this.requests.length = 0;
    this.bytes = '';
    this.script = answerRaw;
  }

  #take(socket: Socket): void {
    let text = '';
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      this.bytes += chunk.toString('latin1');
      for (let found = firstOf(text); found; found = firstOf(text)) {
        text = found.rest;
        this.requests.push(found.request);
        this.script(socket, found.request);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** An answer as bytes: status line, header lines, then the body as it is given. */
export const rawAnswer = (lines: readonly string[], body: string, status = '200 OK'): string =>
  `HTTP/1.1 ${status}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`;

/** A tool result that repeats the request's id, with its length. */
export const answerRaw: RawScript = (socket, { body }) => {
  const { id } = JSON.parse(body || '{}');
  const text = JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'pong' }] } });
  socket.write(rawAnswer(['content-type: application/json', `content-length: ${text.length}`], text));
};
