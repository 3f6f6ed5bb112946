/**
 * Two replicas of the control plane on one database with three NATS servers, each part killed in turn. The real commands, real PostgreSQL, real
 * nats-servers on what agents wrote.
 */
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { jetstream, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjects } from '@portolan/core';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from './db/index.ts';
import { keyFiles } from './keys/key-files.ts';
import { until } from './test/backbone.ts';
import { connectAsGateway } from './test/gateway-client.ts';
import {
  connectAsControl,
  type Enrolled,
  enrol,
  makeTwoPlanes,
  type Replica,
  type TwoPlanes,
} from './test/two-planes.ts';

const PATIENCE = 60_000;
let planes: TwoPlanes;
let stop: () => Promise<void> = async () => {};
let control: NatsConnection;

beforeAll(async () => {
  planes = await makeTwoPlanes();
  const births = planes.replicas.map(({ configFile }) => planes.run('init', '--config', configFile));
  for (const { child, said } of births) {
    const [code] = await once(child, 'close');
    expect(code, said()).toBe(0);
  }
  await Promise.all(planes.replicas.map((replica) => replica.start()));
  for (const pod of planes.nats) expect(await pod.once()).toMatchObject({ code: 0 });
  await Promise.all(planes.nats.map((pod) => pod.start()));
  ({ control, stop } = await connectAsControl(planes));
}, 240_000);
afterAll(async () => {
  await stop();
  await planes?.[Symbol.asyncDispose]();
}, 60_000);

const isConnected = async (replica: Replica) => (await replica.ask('GET', '/status')).body.nats.connected === true;

async function streamInfo(name: string): Promise<StreamInfo | undefined> {
  return jetstreamManager(control)
    .then((manager) => manager.streams.info(name))
    .catch(() => undefined);
}
/** Three replicas, all of them with everything. */
async function isWhole(name: string): Promise<boolean> {
  const info = await streamInfo(name);
  const others = info?.cluster?.replicas ?? [];
  return (
    info?.config.num_replicas === 3 &&
    others.length === 2 &&
    others.every(({ current, offline }) => current && !offline)
  );
}
const allWhole = async () => (await isWhole('CFG')) && (await isWhole('AUDIT'));

async function shipAll(gateway: Enrolled, count: number, during: () => Promise<void>): Promise<void> {
  const nc = await connectAsGateway(planes.replicas[0].config, gateway.keys, gateway.identity, true);
  const js = jetstream(nc, { timeout: 2_000 });
  const epoch = 'killed';
  const ship = (seq: number) =>
    until(
      () =>
        js
          .publish(subjects.audit('aws'), JSON.stringify([{ epoch, seq, record: auditRecord(seq) }]), {
            msgID: `aws:${epoch}:${seq}`,
          })
          .then(
            () => true,
            () => false,
          ),
      PATIENCE,
    );
  let meanwhile = Promise.resolve();
  for (let seq = 1; seq <= count; seq += 1) {
    if (seq === Math.floor(count / 3)) meanwhile = during();
    await ship(seq);
  }
  await meanwhile;
  await nc.close();
}
const auditRecord = (seq: number) => ({
  timestamp: '2026-01-02T03:04:05.678Z',
  request_id: `request-${seq}`,
  trace_id: 'trace',
  role: 'entry',
  gateway: 'aws',
  entry_gateway: 'aws',
  handling_gateway: null,
  proxy_hops: 0,
  user: 'alice',
  principal_kind: 'user',
  token_id: null,
  mcp_server: 'm365',
  method: 'tools/call',
  tool: 'get',
  status: 'success',
  http_status: 200,
  code: null,
  total_latency_ms: 1.5,
});

let aws: Enrolled;

test('three servers cluster by what three agents wrote, and the streams have three replicas', async () => {
  for (const replica of planes.replicas) await until(() => isConnected(replica), PATIENCE);
  await until(allWhole, PATIENCE);
  const routes = await request(`http://127.0.0.1:${planes.nats[0].ports.monitor}/varz`);
  expect(await routes.body.json()).toMatchObject({ server_name: 'nats-0', cluster: { name: 'portolan' } });
}, 120_000);

test('both replicas answer: what one registers the other enrols', async () => {
  const [one, two] = planes.replicas;
  aws = await enrol('aws', one, two);
  const azure = await enrol('azure', two, one);
  expect([aws.identity.gateway, azure.identity.gateway]).toEqual(['aws', 'azure']);
  expect(aws.identity.caBundle).toEqual(azure.identity.caBundle);
  expect((await two.ask('GET', '/gateways')).body.items).toHaveLength(2);
}, 120_000);

test('a server is killed: no record is lost, and it comes back whole', async () => {
  const [, victim] = planes.nats;
  await shipAll(aws, 120, async () => {
    await victim.kill();
    await victim.start();
  });
  const { db, close } = openDatabase(planes.database);
  await until(async () => {
    const rows = await db.selectFrom('audit_records').select('seq').where('epoch', '=', 'killed').execute();
    return new Set(rows.map(({ seq }) => seq)).size === 120 && rows.length === 120;
  }, PATIENCE);
  await close();
  await until(allWhole, PATIENCE);
}, 180_000);

test('a server that lost its store is made whole by the others, and lets in nobody who is retired', async () => {
  const [one] = planes.replicas;
  const gone = await enrol('gone', one, one);
  const [, , victim] = planes.nats;
  const toVictim = { ...one.config, nats: { ...one.config.nats, url: [`nats://localhost:${victim.ports.clients}`] } };
  const dialAsGone = () =>
    connectAsGateway(toVictim, gone.keys, gone.identity).then(
      (nc) => nc.close().then(() => 'in'),
      (error: Error) => error.message,
    );
  expect(await dialAsGone()).toBe('in');
  expect((await one.ask('DELETE', '/gateways/gone')).status).toBe(204);
  await until(async () => /authorization|authentication/i.test(await dialAsGone()), PATIENCE);
  await victim.kill();
  await rm(victim.storeDir, { recursive: true });
  expect(await victim.once()).toMatchObject({ code: 0 }); // a volume is lost with its pod, and the next one has an agent of its own
  await victim.start();
  await until(allWhole, PATIENCE);
  await until(async () => /authorization|authentication/i.test(await dialAsGone()), PATIENCE);
}, 180_000);

test('whichever replica leads is killed: the other publishes, and the one that comes back serves on', async () => {
  for (const [at, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const [victim, left] = [planes.replicas[at], planes.replicas[other]];
    if (!victim || !left) throw new Error('two replicas expected');
    await victim.kill();
    const before = (await left.ask('GET', '/gateways/aws')).body.revision;
    await left.ask('PUT', '/users/alice', {});
    await left.ask('PUT', `/mcp-servers/after-${at}`, { url: 'http://x.internal:8080', gateway: 'aws' });
    await until(async () => (await left.ask('GET', '/gateways/aws')).body.revision > before, PATIENCE);
    await enrol(`while-${at}`, left, left);
    await victim.start();
    await until(() => isConnected(victim), PATIENCE);
  }
}, 180_000);

test('a replica whose directory is gone is born again with the same keys', async () => {
  const [one, two] = planes.replicas;
  await two.kill();
  await rm(two.config.dataDir, { recursive: true });
  const { child, said } = planes.run('init', '--config', two.configFile);
  const [code] = await once(child, 'close');
  expect(code, said()).toBe(0);
  const natsKeys = ({ config }: Replica) => readFile(keyFiles(config.dataDir).natsKeys, 'utf8');
  expect(await natsKeys(two)).toBe(await natsKeys(one));
  await two.start();
  await until(() => isConnected(two), PATIENCE);
}, 120_000);
