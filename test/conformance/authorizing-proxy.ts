/**
 * A proxy on loopback that adds the caller's token to every request and changes nothing else: the suite cannot send headers of its own.
 * `Host` stays as it was, bytes go on as they come, and whoever leaves on one side leaves on the other.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

export class AuthorizingProxy implements AsyncDisposable {
  readonly #server: Server;

  private constructor(door: string, token: string) {
    const target = new URL(door);
    this.#server = createServer((request, response) => pass(request, response, { target, token }));
  }

  /** `door`: origin to send to; `token`: sent as `Authorization: Bearer`. */
  static async start(door: string, token: string): Promise<AuthorizingProxy> {
    const proxy = new AuthorizingProxy(door, token);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await stopped;
  }
}

interface Towards {
  readonly target: URL;
  readonly token: string;
}

function pass(request: IncomingMessage, response: ServerResponse, { target, token }: Towards): void {
  const headers = [...request.rawHeaders, 'Authorization', `Bearer ${token}`];
  const { hostname, port } = target;
  const onward = send({ hostname, port, method: request.method, path: request.url, headers, setHost: false });
  onward.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    response.flushHeaders();
    answer.pipe(response);
    answer.once('error', () => response.destroy());
  });
  onward.once('error', () => response.destroy());
  response.once('close', () => onward.destroy());
  request.pipe(onward);
}
