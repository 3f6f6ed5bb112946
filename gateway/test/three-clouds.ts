/** Three gateways, one server script and two users, started once a test file; records are emptied before each test, the registry restored after. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type TestGateway, TestMesh } from './mesh.ts';
import { post, type Sent } from './post.ts';
import { answerEcho, Upstream } from './upstream.ts';

export interface ThreeClouds {
  readonly upstream: Upstream;
  readonly mesh: TestMesh;
  readonly aws: () => TestGateway;
  readonly azure: () => TestGateway;
  /** Asks aws; by default as alice, who may use everything. */
  readonly ask: (path: string, body: unknown, sent?: Sent) => Promise<Response>;
}

/** bob may call `echo` of `far` alone. `outside` and `metadata` lie outside the reach of aws; `named` is a name inside it. */
async function start(upstream: Upstream): Promise<TestMesh> {
  return TestMesh.start({
    gateways: ['aws', 'azure', 'gcp'],
    servers: {
      near: { gateway: 'aws', url: upstream.url },
      far: { gateway: 'azure', url: upstream.url },
      outside: { gateway: 'aws', url: `http://[::1]:${upstream.port}/mcp` },
      named: { gateway: 'aws', url: `http://localhost:${upstream.port}/mcp` },
      metadata: { gateway: 'aws', url: 'http://169.254.169.254/latest' },
    },
    grants: [
      ...['near', 'far', 'outside', 'named', 'metadata'].map((server) => ({ user: 'alice', server })),
      { user: 'bob', server: 'far', tools: ['echo'] },
    ],
    limits: { bodyBytes: 100_000, answerBytes: 1_000_000, settleMs: 200 },
  });
}

export function threeClouds(): ThreeClouds {
  let upstream: Upstream;
  let mesh: TestMesh;
  beforeAll(async () => {
    upstream = await Upstream.start();
    mesh = await start(upstream);
  });
  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    upstream.seen.length = 0;
    upstream.script = answerEcho;
    mesh.restore();
    await mesh.apply();
    for (const gateway of mesh.gateways.values()) gateway.forget();
  });
  afterEach(() => {
    for (const { audit } of mesh.gateways.values()) audit.delay = undefined;
  });
  return {
    get upstream() {
      return upstream;
    },
    get mesh() {
      return mesh;
    },
    aws: () => mesh.gateway('aws'),
    azure: () => mesh.gateway('azure'),
    ask: (path, body, sent = { token: mesh.token('alice') }) => post(mesh.gateway('aws').door + path, body, sent),
  };
}

/** The whole body of a refusal. */
export const refusal = (code: number, fault: string, message: RegExp | string, id: unknown = 1, hop = 'aws') => ({
  jsonrpc: '2.0',
  id,
  error: {
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
    data: { code: fault, hop, requestId: expect.any(String) },
  },
});
