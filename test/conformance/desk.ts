/** Where a client of the suite's own servers asks for its way: it names the server that the suite has given it, and gets the URL at the gateways. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Way, Ways } from './ways.ts';

export class Desk implements AsyncDisposable {
  readonly #server: Server;

  private constructor(ways: Ways) {
    this.#server = createServer(async (request, response) => {
      const { url, way } = (await json(request)) as { url: string; way: Way };
      const at = await ways.to(url);
      response.end(JSON.stringify({ url: at[way] }));
    });
  }

  static async start(ways: Ways): Promise<Desk> {
    const desk = new Desk(ways);
    await new Promise<void>((resolve) => desk.#server.listen(0, '127.0.0.1', resolve));
    return desk;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await stopped;
  }
}
