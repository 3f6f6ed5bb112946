/**
 * A registry in which gateways send a call to each other in a ring, by mistake or by malice: the caller gets one 508, and the ring is walked over one
 * edge alone. Whatever two gateways believe of a server, a call costs three requests at most.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TestMesh } from '../../gateway/test/mesh.ts';
import { call, outcome, post } from '../../gateway/test/post.ts';
import { Upstream } from '../../gateway/test/upstream.ts';

const GATEWAYS = ['aws', 'azure', 'gcp'];
let upstream: Upstream;
let mesh: TestMesh;
beforeAll(async () => {
  upstream = await Upstream.start();
  mesh = await TestMesh.start({
    gateways: GATEWAYS,
    servers: { ring: { gateway: 'aws', url: upstream.url } },
    grants: [{ user: 'alice', server: 'ring' }],
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.seen.length = 0;
  for (const gateway of mesh.gateways.values()) gateway.forget();
});

/** Each gateway is told that the server is at another one. */
async function believe(where: Readonly<Record<string, string>>): Promise<void> {
  for (const [gateway, at] of Object.entries(where)) {
    await mesh.apply(
      (tables) => ({
        ...tables,
        servers: tables.servers.map((server) => ({ ...server, gateway: at, proxyUrl: mesh.url(at) })),
      }),
      gateway,
    );
  }
}
const allRecords = () => [...mesh.gateways.values()].flatMap(({ audit }) => [...audit.records, ...audit.notes]);

test.each<[string, Record<string, string>, number]>([
  ['A → B → A', { aws: 'azure', azure: 'aws', gcp: 'aws' }, 2],
  ['A → B → C → A', { aws: 'azure', azure: 'gcp', gcp: 'aws' }, 2],
])('%s: exactly one 508, and no third request', async (_what, where, requests) => {
  await believe(where);
  const reply = await outcome(
    await post(`${mesh.gateway('aws').door}/mcp/ring`, call('echo'), { token: mesh.token('alice') }),
  );
  expect(reply).toMatchObject({ status: 508, body: { id: 1, error: { code: 50801, data: { code: 'hop_loop' } } } });
  expect(allRecords()).toHaveLength(requests);
  expect(allRecords().length).toBeLessThanOrEqual(3);
  expect(allRecords()).toMatchObject(Array(requests).fill({ code: 'hop_loop', status: 'failed', http_status: 508 }));
  expect(upstream.seen).toEqual([]);
});

test('a hundred calls into a ring are a hundred 508, and two requests each', async () => {
  await believe({ aws: 'azure', azure: 'gcp', gcp: 'aws' });
  const replies = await Promise.all(
    Array.from({ length: 100 }, () =>
      post(`${mesh.gateway('aws').door}/mcp/ring`, call('echo'), { token: mesh.token('alice') }),
    ),
  );
  for (const reply of replies) expect((await outcome(reply)).status).toBe(508);
  expect(allRecords()).toHaveLength(200);
  expect(upstream.seen).toEqual([]);
});
