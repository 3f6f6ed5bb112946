/** Connections to peers that stand open already: cut for what the snapshot says of the peer, and when the peer has died behind them. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FEDERATION, peerIs, TestMesh } from './mesh.ts';
import { credentials, makeAuthority } from './mesh-authority.ts';
import { call, outcome, post } from './post.ts';
import { answerEcho, Upstream } from './upstream.ts';
import { Wire } from './wire.ts';

const PATIENCE_MS = 400;

let upstream: Upstream;
let mesh: TestMesh;
/** Between aws and azure. */
let wire: Wire;
const far = async (id = 1) => {
  const reply = await post(`${mesh.gateway('aws').door}/mcp/far`, call('echo', {}, id), { token: mesh.token('alice') });
  return outcome(reply);
};
const failure = (code: string) => ({ body: { error: { data: { code, hop: 'azure' } } } });
type Tables = Parameters<Parameters<TestMesh['apply']>[0] & object>[0];
/** At aws alone: azure's own listener must not be what cuts. */
const applyAtAws = (change: (tables: Tables) => Tables) => mesh.apply(change, 'aws');
beforeAll(async () => {
  upstream = await Upstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { far: { gateway: 'azure', url: upstream.url } },
    grants: [{ user: 'alice', server: 'far' }],
    connectTimeoutMs: PATIENCE_MS,
  });
  wire = await Wire.start(() => mesh.gateway('azure').tls.port);
  await mesh.apply(peerIs('azure', { dial: `127.0.0.1:${wire.port}` }));
});
afterEach(async () => {
  upstream.script = answerEcho;
  mesh.restore();
  await mesh.apply(peerIs('azure', { dial: `127.0.0.1:${wire.port}` }));
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await wire?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

/** A call that waits for the server; resolves once the server has it. */
async function underWay(): Promise<{ answer: Promise<{ status: number; body: unknown }>; finish: () => void }> {
  const arrived = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  upstream.script = async (seen, response) => {
    arrived.resolve();
    await finish.promise;
    answerEcho(seen, response);
  };
  const answer = far();
  await arrived.promise;
  return { answer, finish: finish.resolve };
}

test('a revoked certificate of a peer cuts the call that is under way, and lets no other begin', async () => {
  const { answer, finish } = await underWay();
  await applyAtAws(peerIs('azure', { minIssuedAt: Date.now() + 60_000 }));
  expect(await answer).toMatchObject({ status: 502, ...failure('peer_failed') });
  finish();
  expect(await far()).toMatchObject({ status: 502, ...failure('peer_untrusted') });
});

test('a peer that is retired is cut', async () => {
  const { answer, finish } = await underWay();
  await applyAtAws((tables) => ({ ...tables, peers: tables.peers.filter(({ name }) => name !== 'azure') }));
  expect(await answer).toMatchObject({ status: 502, ...failure('peer_failed') });
  finish();
});

/** The identity of a gateway for one test; aws makes new connections. */
async function withIdentity(
  name: 'aws' | 'azure',
  make: () => ReturnType<typeof credentials>,
  test: () => Promise<void>,
) {
  const { identity } = mesh.gateway(name);
  const before = identity.current();
  identity.set(await make());
  const own = mesh.gateway('aws').identity;
  own.set(own.current());
  try {
    await test();
  } finally {
    identity.set(before);
    own.set(own.current());
  }
}

test('a root that leaves the bundle cuts the call that rests on it', async () => {
  const next = await makeAuthority('next mesh root');
  const { answer, finish } = await underWay();
  const strangers = async () => ({ ...(await credentials(mesh.authority, FEDERATION, 'aws')), ca: [next.pem] });
  await withIdentity('aws', strangers, async () => {
    expect(await answer).toMatchObject({ status: 502, ...failure('peer_failed') });
  });
  finish();
  expect(await far()).toMatchObject({ status: 200 });
});

test('a renewed identity of the same root cuts nothing', async () => {
  const { answer, finish } = await underWay();
  await withIdentity(
    'aws',
    () => credentials(mesh.authority, FEDERATION, 'aws'),
    async () => finish(),
  );
  expect(await answer).toMatchObject({ status: 200 });
});

test('a connection ends with the life of the certificate of its peer', async () => {
  const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
  await withIdentity(
    'azure',
    () => credentials(mesh.authority, FEDERATION, 'azure', { notAfter }),
    async () => {
      const { answer, finish } = await underWay();
      expect(await answer).toMatchObject({ status: 502, ...failure('peer_failed') });
      expect(Date.now()).toBeGreaterThanOrEqual(notAfter.getTime() - 5);
      finish();
    },
  );
  expect(await far()).toMatchObject({ status: 200 });
});

test('a change that does not concern the peer cuts nothing', async () => {
  const { answer, finish } = await underWay();
  await applyAtAws((tables) => ({ ...tables }));
  finish();
  expect(await answer).toMatchObject({ status: 200 });
});

test('a peer that dies behind an open connection is noticed by the call that waits for it, and by the next', async () => {
  expect(await far()).toMatchObject({ status: 200 });
  wire.freeze();
  try {
    for (const bound of [PATIENCE_MS * 6, PATIENCE_MS * 2]) {
      const started = performance.now();
      expect(await far()).toMatchObject({ status: 502, ...failure('peer_down') });
      expect(performance.now() - started).toBeLessThan(bound);
    }
  } finally {
    wire.thaw();
  }
  expect(await far()).toMatchObject({ status: 200 });
});

test('a slow tool is waited for, however quiet the peer is', async () => {
  const { answer, finish } = await underWay();
  await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS * 6));
  finish();
  expect(await answer).toMatchObject({ status: 200 });
});

test('a peer that takes no connections any more ends what it has begun', async () => {
  const { answer, finish } = await underWay();
  const azure = mesh.gateway('azure').tls;
  const stopped = azure.stop();
  await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS * 4));
  finish();
  expect(await answer).toMatchObject({ status: 200 });
  azure.closeAll();
  await stopped;
});
