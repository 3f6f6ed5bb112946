/**
 * Servers that run, and the two ways to each: directly, and through an entry gateway and a handling gateway with TLS, links,
 * authentication, filters and audit between them. Cables lie before whatever the client connects to and before each server.
 */
import { TestMesh } from '../../gateway/test/mesh.ts';
import { Cable } from './cable.ts';
import type { Route } from './perform.ts';
import type { Running, Server } from './servers/server.ts';

export const ways = ['directly', 'through two gateways'] as const;
export type Way = (typeof ways)[number];

interface Berth {
  readonly far: Cable;
  readonly routes: Readonly<Record<Way, Route>>;
}

const user = 'alice';

export class Harbour implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #berths = new Map<Server, Berth>();

  private constructor() {}

  /** Starts every server, and the gateways before them. */
  static async open(servers: readonly Server[]): Promise<Harbour> {
    const harbour = new Harbour();
    try {
      await harbour.#open(servers);
      return harbour;
    } catch (error) {
      await harbour[Symbol.asyncDispose]();
      throw error;
    }
  }

  route(server: Server, way: Way): Route {
    const berth = this.#berths.get(server);
    if (berth === undefined) throw new Error(`${server.name} does not run`);
    return berth.routes[way];
  }

  async #open(servers: readonly Server[]): Promise<void> {
    const started = await Promise.all(servers.map((server) => server.start().then((one) => this.#stack.use(one))));
    const cables = await Promise.all(started.map(({ url }: Running) => this.#lay(url)));
    const names = servers.map((_, at) => `server-${at}`);
    const mesh = this.#stack.use(
      await TestMesh.start({
        gateways: ['entry', 'handling'],
        servers: Object.fromEntries(
          names.map((name, at) => [name, { gateway: 'handling', url: cables[at]?.url ?? '' }]),
        ),
        grants: names.map((server) => ({ user, server })),
      }),
    );
    for (const [at, server] of servers.entries()) {
      const far = cables[at];
      if (far === undefined) continue;
      const direct = await this.#lay(far.url);
      const crossing = await this.#lay(`${mesh.gateway('entry').door}/mcp/server-${at}`);
      this.#berths.set(server, {
        far,
        routes: {
          directly: { url: direct.url, token: undefined, near: direct, far },
          'through two gateways': { url: crossing.url, token: mesh.token(user), near: crossing, far },
        },
      });
    }
  }

  async #lay(url: string): Promise<Cable> {
    return this.#stack.use(await Cable.lay(url));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
