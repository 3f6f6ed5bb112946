/**
 * Pods of one gateway and the control plane, as the processes that they are, with PostgreSQL and TLS, without NATS: two enrol by their own tokens, renew
 * by their certificates, and one that was away for longer than its certificate lasts comes back by the token that kubelet has put there meanwhile.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { Cluster, makePod, type Pod } from '../control-plane/test/cluster.ts';
import { freePort, startTestPostgres, type TestPostgres } from '../control-plane/test/postgres.ts';
import { makePlace, type TestPlace } from '../control-plane/test/process.ts';

const MAIN = join(import.meta.dirname, '..', 'gateway', 'main.ts');
const LIFE_MS = 20_000;
let postgres: TestPostgres;
let place: TestPlace;
let plane: ReturnType<TestPlace['spawn']>;
let cluster: Cluster;
const started: ChildProcess[] = [];

const status = (port: number, path: string): Promise<number> =>
  request(`http://127.0.0.1:${port}${path}`).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return statusCode;
    },
    () => 0,
  );
const until = (condition: () => unknown) => expect.poll(condition, { timeout: 60_000, interval: 100 });

async function api(method: 'GET' | 'PUT', path: string, body?: object) {
  const reply = await request(`http://127.0.0.1:${place.ports.door}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${await place.adminToken()}`, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: reply.statusCode, body: (await reply.body.json()) as Record<string, unknown> };
}

beforeAll(async () => {
  postgres = await startTestPostgres();
  place = await makePlace(await postgres.schema('pods'), `  certificateLife: ${LIFE_MS / 1_000}s`);
  expect(await place.run('init', '--config', 'CONFIG')).toMatchObject({ code: 0 });
  plane = place.spawn('serve', '--config', 'CONFIG');
  await vi.waitUntil(async () => (await status(place.ports.health, '/readyz')) === 200, { timeout: 60_000 });
  cluster = await Cluster.start('aws');
});
afterAll(async () => {
  for (const child of started.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await place?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

interface RunningPod {
  readonly dir: string;
  readonly said: () => string;
  ready(): Promise<boolean>;
  kill(): Promise<void>;
}

/** As kubelet does, before the pod starts and again while it lives. */
const project = async (dir: string, pod: Pod): Promise<void> =>
  writeFile(join(dir, 'token'), await cluster.token({ pod, lifeSeconds: 600 }));

async function start(pod: Pod): Promise<RunningPod> {
  const dir = join(place.dir, pod.name);
  await mkdir(dir, { recursive: true });
  await project(dir, pod);
  const site = join(place.dir, 'data', 'site');
  const ports = { tls: await freePort(), health: await freePort(), metrics: await freePort() };
  const config = {
    url: 'https://aws.example.com',
    controlPlane: {
      url: `https://localhost:${place.ports.tls}`,
      natsUrl: `nats://localhost:${place.ports.nats}`,
      caFile: join(site, 'ca.crt'),
    },
    listen: Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `127.0.0.1:${port}`])),
    certificate: { certFile: join(site, 'tls.crt'), keyFile: join(site, 'tls.key') },
    dataDir: 'data',
    serviceAccountTokenFile: 'token',
  };
  await writeFile(join(dir, 'gateway.yaml'), stringify({ gateway: config }));
  const child = spawn(process.execPath, [MAIN, '--config', join(dir, 'gateway.yaml')], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return {
    dir,
    said: () => text,
    ready: async () => (await status(ports.health, '/readyz')) === 200,
    kill: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
const times = (text: string, part: RegExp): number => text.match(new RegExp(part, 'g'))?.length ?? 0;
/** Answers of the control plane, by route, as its log has them. */
const answered = (route: string, code: number): number =>
  times(plane.said(), new RegExp(`"route":"/api/v1/${route}","status":${code}`));

test('two pods of one gateway, from their first token to a certificate that ended while one of them was away', async () => {
  const [one, two] = [makePod('gateway-1'), makePod('gateway-2')];
  const first = await start(one);
  const second = await start(two);
  // nobody has registered the gateway yet
  await until(() => times(first.said(), /could not enrol: the control plane answered 403/)).toBeGreaterThan(0);
  expect(await first.ready()).toBe(false);
  const body = { url: 'https://aws.example.com', workloadIdentity: cluster.identity };
  expect(await api('PUT', '/gateways/aws', body)).toMatchObject({ status: 201, body });
  await until(() => first.ready()).toBe(true);
  await until(() => second.ready()).toBe(true);
  expect((await api('GET', '/gateways/aws')).body).toMatchObject({ ...body, enrolled: true });

  await until(() => answered('renew', 200)).toBeGreaterThanOrEqual(2);
  await second.kill();
  const { notAfter } = JSON.parse(await readFile(join(second.dir, 'data', 'identity', 'identity.json'), 'utf8'));
  const keys = await readFile(join(second.dir, 'data', 'identity', 'seal.key'), 'utf8');
  await until(() => Date.now() - notAfter).toBeGreaterThan(0);
  const before = answered('enroll', 200);
  const again = await start(two);
  await until(() => times(again.said(), /mesh certificate renewed/)).toBeGreaterThan(0);
  expect(answered('enroll', 200)).toBeGreaterThan(before);
  expect(await readFile(join(again.dir, 'data', 'identity', 'seal.key'), 'utf8')).toBe(keys);

  const secrets = [await readFile(join(first.dir, 'token'), 'utf8'), await readFile(join(again.dir, 'token'), 'utf8')];
  for (const said of [plane.said(), first.said(), second.said(), again.said()])
    for (const token of secrets) expect(said).not.toContain(token.split('.')[2]);
}, 180_000);
