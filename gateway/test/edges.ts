/** Two gateways and one server, for pages and hosts of all kinds: `https://app.example.com` may call, and `mcp.example.com` is a name of ours. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { TestMesh } from './mesh.ts';
import { call } from './post.ts';
import { exchange, plain, publicName, type RawReply, request } from './raw-http.ts';
import { answerEcho, Upstream } from './upstream.ts';

export interface Edged {
  readonly mesh: TestMesh;
  readonly upstream: Upstream;
  /** `lines`: headers, `name: value`; by default to `/mcp/far` with alice's token, and as Host the gateway's own. */
  readonly send: (door: 'loopback' | 'tls', lines: readonly string[], over?: Over) => Promise<RawReply>;
}
export interface Over {
  readonly method?: string;
  readonly path?: string;
  readonly token?: string | undefined;
}

export const APP = 'https://app.example.com';

export function edged(): Edged {
  let upstream: Upstream;
  let mesh: TestMesh;
  beforeAll(async () => {
    upstream = await Upstream.start();
    const { url } = upstream;
    mesh = await TestMesh.start({
      gateways: ['aws', 'azure'],
      servers: { near: { gateway: 'aws', url }, far: { gateway: 'azure', url } },
      grants: ['near', 'far'].map((server) => ({ user: 'alice', server })),
      edges: { allowedOrigins: [APP, 'chrome-extension://inspector'], allowedHosts: ['mcp.example.com'] },
    });
  });
  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    upstream.seen.length = 0;
    upstream.script = answerEcho;
    for (const gateway of mesh.gateways.values()) gateway.forget();
  });
  const send: Edged['send'] = (door, lines, { method = 'POST', path = '/mcp/far', ...over } = {}) => {
    const gateway = mesh.gateway('aws');
    const token = 'token' in over ? over.token : mesh.token('alice');
    const head = [
      `${method} ${path} HTTP/1.1`,
      ...(lines.some((line) => /^host:/i.test(line)) ? [] : ['host: localhost']),
      ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
      ...(method === 'POST' ? ['content-type: application/json'] : []),
      'connection: close',
      ...lines,
    ];
    const bytes = request(head, method === 'POST' ? JSON.stringify(call('echo')) : '');
    return exchange(door === 'tls' ? publicName(gateway) : plain(gateway.loopback.port), bytes);
  };
  return {
    send,
    get mesh() {
      return mesh;
    },
    get upstream() {
      return upstream;
    },
  };
}
