/**
 * The ways from the suite to a server: straight, through one gateway, and through two. The gateways are those of gateway/test/mesh.ts: real
 * listeners, TLS and links between them, with tokens checked, lists filtered and a grant on everything else.
 */
import { TestMesh } from '../../gateway/test/mesh.ts';
import { AuthorizingProxy } from './authorizing-proxy.ts';

export type Way = 'direct' | 'one' | 'two';

/** What a reader of the table sees. */
export const wayNames: Readonly<Record<Way, string>> = { direct: 'direct', one: 'one gateway', two: 'two gateways' };

const USER = 'alice';

export class Ways implements AsyncDisposable {
  readonly #mesh: TestMesh;
  readonly #proxy: AuthorizingProxy;
  #servers = 0;

  private constructor(mesh: TestMesh, proxy: AuthorizingProxy) {
    this.#mesh = mesh;
    this.#proxy = proxy;
  }

  static async start(): Promise<Ways> {
    // whoever names an upstream of his own may have it anywhere
    const reach = [{ cidr: '0.0.0.0/0' }, { cidr: '::/0' }];
    const nothing = { user: USER, server: 'nothing-yet' };
    const mesh = await TestMesh.start({ gateways: ['aws', 'azure'], servers: {}, grants: [nothing], reach });
    return new Ways(mesh, await AuthorizingProxy.start(mesh.gateway('aws').door, mesh.token(USER)));
  }

  /** Registers the server at `url` with the gateways, and answers where it is on each way. */
  async to(url: string): Promise<Readonly<Record<Way, string>>> {
    this.#servers += 1;
    const near = `near-${this.#servers}`;
    const far = `far-${this.#servers}`;
    await this.#mesh.apply((tables) => ({
      ...tables,
      servers: [...tables.servers, this.#server(near, 'aws', url), this.#server(far, 'azure', url)],
      grants: [...tables.grants, ...grantsOn(near), ...grantsOn(far)],
    }));
    const at = (name: string) => `${this.#proxy.origin}/mcp/${name}`;
    return { direct: url, one: at(near), two: at(far) };
  }

  #server(name: string, gateway: string, url: string) {
    return { name, gateway, url, proxyUrl: this.#mesh.url(gateway) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
    await this.#mesh[Symbol.asyncDispose]();
  }
}

/** Everything, but for a tool that no server has: so every list is opened and filtered, and nothing is missing from it. */
function grantsOn(server: string) {
  const principal = { kind: 'user' as const, name: USER };
  const nothing = { principal, server, tools: [], prompts: [], resources: [] };
  return [
    { ...nothing, id: `allow-${server}`, effect: 'allow' as const, everything: true },
    { ...nothing, id: `deny-${server}`, effect: 'deny' as const, everything: false, tools: ['no_such_tool'] },
  ];
}
