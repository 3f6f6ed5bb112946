/** The whole process with a real NATS: connected, publishing within the promised time, metrics summed, and NATS going and coming. */
import { once } from 'node:events';
import { join } from 'node:path';
import { subjects } from '@portolan/core';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readConfig } from './config.ts';
import { until } from './test/backbone.ts';
import { connectAsGateway, makeGatewayKeys, renewBody } from './test/gateway-client.ts';
import { startTestNats, type TestNats } from './test/nats-server.ts';
import { startTestPostgres, type TestPostgres } from './test/postgres.ts';
import { makePlace, type TestPlace } from './test/process.ts';

let postgres: TestPostgres;
let place: TestPlace;
let nats: TestNats;
let serving: ReturnType<TestPlace['spawn']>;
let admin: string;

beforeAll(async () => {
  postgres = await startTestPostgres();
  place = await makePlace(await postgres.schema('with_nats'));
  expect((await place.run('init', '--config', 'CONFIG')).code).toBe(0);
  admin = await place.adminToken();
  nats = await startTestNats(join(place.dir, 'data', 'nats.conf'), place.ports.nats);
  serving = place.spawn('serve', '--config', 'CONFIG');
  await vi.waitUntil(natsConnected, { timeout: 30_000 });
});
afterAll(async () => {
  await place?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

async function ask(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown) {
  const reply = await request(`http://127.0.0.1:${place.ports.door}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await reply.body.text();
  if (reply.statusCode >= 400) throw new Error(`${method} ${path}: ${reply.statusCode} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
const natsConnected = (): Promise<boolean> =>
  ask('GET', '/status').then(
    (status) => status.nats?.connected === true,
    () => false,
  );

/** As the process's own configuration says it; DATABASE_URL is not needed by what reads it here. */
async function enrolled(name: string) {
  await ask('PUT', `/gateways/${name}`, { url: `https://${name}.example.com` });
  const { token } = await ask('POST', `/gateways/${name}/enrolments`);
  const keys = await makeGatewayKeys();
  const body = { ...(await renewBody(keys)), token };
  // 503 until the publisher has made the gateway's first snapshot: as a gateway does, we ask again
  const identity = await until(() => ask('POST', '/enroll', body).catch(() => undefined));
  process.env.DATABASE_URL = 'postgres://nobody@localhost/none';
  const config = await readConfig(join(place.dir, 'control-plane.yaml'));
  delete process.env.DATABASE_URL;
  return { keys, identity, config, connection: await connectAsGateway(config, keys, identity) };
}

test('a change reaches a connected gateway; its reports are its status and that of its MCP servers; its counters are in the sums', async () => {
  const { connection: nc, identity } = await enrolled('aws');
  const pushes: number[] = [];
  nc.subscribe(subjects.pushedSnapshot('aws'), { callback: () => void pushes.push(performance.now()) });
  await nc.flush();
  const took: number[] = [];
  for (let i = 0; i < 20; i += 1) {
    const seen = pushes.length;
    const started = performance.now();
    await ask('PUT', `/gateways/other${i}`, { url: `https://other${i}.example.com` });
    await ask('PUT', '/peer-matrix', { pairs: [['aws', `other${i}`]] });
    await vi.waitUntil(() => pushes.length > seen, { timeout: 5_000, interval: 1 });
    took.push((pushes.at(-1) ?? 0) - started);
  }
  expect(took.toSorted((a, b) => a - b)[10]).toBeLessThan(1_000);

  const [, payload = ''] = identity.snapshot.split('.');
  const [replica = ''] = Object.keys(JSON.parse(Buffer.from(payload, 'base64url').toString()).sealingKeys[0].sealed);
  const report = {
    gateway: 'aws',
    replica,
    version: '0',
    appliedRevision: 1,
    digest: 'x',
    appliedAt: 0,
    certificateNotAfter: 0,
    spool: { bytes: 1, records: 2, dropped: 0 },
  };
  nc.publish(subjects.report('aws'), JSON.stringify(report));
  nc.publish(
    subjects.metrics('aws'),
    JSON.stringify({ replica, counters: { 'mcp_requests_total{server="m",user="alice",gateway="aws"}': 7 } }),
  );
  await expect
    .poll(async () => (await ask('GET', '/status')).gateways.find((one: { name: string }) => one.name === 'aws'))
    .toMatchObject({ connected: true, appliedRevision: 1, spool: { records: 2 } });
  await ask('PUT', '/mcp-servers/m', { url: 'http://m.internal/mcp', gateway: 'aws' });
  const lastError = { code: 'upstream_down', message: 'x', at: Date.now() };
  const found = { reachable: false, era: 'legacy', protocolVersions: ['2025-11-25'], serverInfo: null, tools: 3 };
  const servers = [{ server: 'm', ...found, eraAt: 1, latencyMs: null, checkedAt: Date.now(), lastError }];
  nc.publish(subjects.servers('aws'), JSON.stringify({ gateway: 'aws', replica, servers }));
  const told = { name: 'm', gateway: 'aws', ...found, lastError: { code: 'upstream_down' } };
  await expect.poll(() => ask('GET', '/mcp-servers/m/status')).toMatchObject(told);
  expect((await ask('GET', '/status')).mcpServers).toMatchObject([told]);
  await expect(ask('GET', '/mcp-servers/none/status')).rejects.toThrow(/404.*not_found/);
  const metrics = async () => (await request(`http://127.0.0.1:${place.ports.metrics}/metrics`)).body.text();
  await expect.poll(metrics).toContain('federation:mcp_requests_total{server="m",user="alice"} 7');
  await nc.close();
});

test('audit records come out of the API as they went into NATS', async () => {
  const { connection: nc } = await enrolled('gcp');
  const record = {
    timestamp: '2026-01-01T00:00:00.123Z',
    request_id: 'r1',
    trace_id: 't1',
    role: 'entry',
    gateway: 'gcp',
    entry_gateway: 'gcp',
    handling_gateway: 'gcp',
    proxy_hops: 0,
    user: 'alice',
    principal_kind: 'user',
    token_id: 'abcdefghij',
    mcp_server: 'm',
    method: 'tools/call',
    tool: 'x',
    status: 'success',
    http_status: 200,
    code: null,
    total_latency_ms: 1.25,
  };
  nc.publish(subjects.audit('gcp'), JSON.stringify([{ epoch: 'e', seq: 1, record }]));
  const { role: _, ...row } = record;
  await expect
    .poll(async () => (await ask('GET', '/audit?limit=1')).items, { timeout: 10_000 })
    .toEqual([{ ...row, hops: [record] }]);
  await nc.close();
});

test('NATS goes: said in the status, and the API goes on; it comes back, and so do we', async () => {
  await nats.kill();
  await vi.waitUntil(async () => !(await natsConnected()), { timeout: 10_000 });
  expect(await ask('PUT', '/users/alice', {})).toMatchObject({ name: 'alice' });
  await nats.start();
  await vi.waitUntil(natsConnected, { timeout: 20_000 });
});

test('SIGTERM with everything connected ends with 0', async () => {
  serving.kill('SIGTERM');
  expect(await once(serving, 'exit')).toEqual([0, null]);
});
