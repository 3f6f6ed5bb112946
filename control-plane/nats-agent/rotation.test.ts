/**
 * What happens to a NATS server while it runs, and who tries to be one: certificates that end, a public certificate that changes, gateways as
 * servers, servers as gateways, pods of others. Real nats-servers, real agents.
 */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { gatewayOfSpiffeId, natsSpiffeId } from '@portolan/core';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFiles } from '../config.ts';
import { ensureSiteCertificate } from '../init/site-certificate.ts';
import { readKekFile } from '../keys/kek.ts';
import { keyPem } from '../mesh-ca/x509.ts';
import { until } from '../test/backbone.ts';
import { makePod } from '../test/cluster.ts';
import { makeGatewayKeys, renewBody } from '../test/gateway-client.ts';
import { connectAsControl, enrol, makeTwoPlanes, type NatsPod, type TwoPlanes } from '../test/two-planes.ts';
import { agentFiles } from './files.ts';

const PATIENCE = 60_000;
const LIFE_S = 20;
let planes: TwoPlanes;
let beside: ReturnType<NatsPod['beside']>[] = [];

beforeAll(async () => {
  planes = await makeTwoPlanes(`  certificateLife: ${LIFE_S}s`);
  const [one] = planes.replicas;
  const { child, said } = planes.run('init', '--config', one.configFile);
  const [code] = await once(child, 'close');
  expect(code, said()).toBe(0);
  await one.start();
  for (const pod of planes.nats) expect(await pod.once()).toMatchObject({ code: 0 });
  await Promise.all(planes.nats.map((pod) => pod.start()));
  beside = planes.nats.map((pod) => pod.beside());
}, 240_000);
afterAll(() => planes?.[Symbol.asyncDispose](), 60_000);

const certificateOf = async ({ dir }: NatsPod) => new X509Certificate(await readFile(agentFiles(dir).certificate));
const routesOf = async ({ ports }: NatsPod): Promise<number> => {
  const reply = await request(`http://127.0.0.1:${ports.monitor}/routez`).catch(() => undefined);
  const body = (await reply?.body.json()) as { routes?: { remote_name: string }[] } | undefined;
  return new Set(body?.routes?.map(({ remote_name }) => remote_name)).size;
};

test('what the agent writes is closed to others, names the pod, and is in no log', async () => {
  const [pod] = planes.nats;
  const { conf, certificate, roots } = agentFiles(pod.dir);
  for (const path of [conf, certificate, roots])
    expect(((await stat(path)).mode & 0o777).toString(8), path).toBe('600');
  const { subjectAltName } = await certificateOf(pod);
  expect(subjectAltName).toBe('URI:spiffe://test/nats/nats-0, DNS:nats-0.localhost, DNS:localhost');
  const [, key = 'nothing'] = /\n {2}key: "(\w+)"/.exec(await readFile(agentFiles(pod.dir).conf, 'utf8')) ?? [];
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  for (const { said } of beside) expect(said()).not.toMatch(new RegExp(`${key}|PRIVATE|eyJ`));
});

test('a certificate is renewed before it ends and loaded without a connection lost; routes are made anew with it', async () => {
  const { control, stop } = await connectAsControl(planes);
  const lost: string[] = [];
  void (async () => {
    for await (const { type } of control.status()) if (/disconnect|error|close/.test(type)) lost.push(type);
  })();
  const before = await Promise.all(planes.nats.map(certificateOf));
  await until(() => Date.now() > Math.max(...before.map(({ validToDate }) => validToDate.getTime())), PATIENCE);
  const after = await Promise.all(planes.nats.map(certificateOf));
  for (const [at, { serialNumber }] of after.entries()) expect(serialNumber).not.toBe(before[at]?.serialNumber);
  expect(lost).toEqual([]);
  await control.flush();
  await stop();
  // the two others show and check what they loaded: what they started with has ended
  const [victim] = planes.nats;
  await victim.kill();
  await victim.start();
  await until(async () => (await routesOf(victim)) === 2, PATIENCE);
}, 180_000);

test('a public certificate that changes is shown to the next client', async () => {
  const [one] = planes.replicas;
  const [pod] = planes.nats;
  const site = { dataDir: one.config.dataDir, kek: await readKekFile(join(planes.dir, 'kek')) };
  await ensureSiteCertificate(site, ['localhost', '127.0.0.1', 'other.example.com'], Date.now());
  const files = dataFiles(one.config.dataDir);
  await writeFile(pod.tls.keyFile, await readFile(files.siteKey));
  await writeFile(pod.tls.certFile, await readFile(files.siteCertificate));
  const wanted = new X509Certificate(await readFile(files.siteCertificate)).serialNumber;
  await until(async () => (await shownBy(pod)) === wanted, PATIENCE);
}, 120_000);

async function shownBy({ ports }: NatsPod): Promise<string | undefined> {
  const socket = connectTls({ port: ports.clients, host: '127.0.0.1', rejectUnauthorized: false });
  socket.on('error', () => {});
  await once(socket, 'secureConnect').catch(() => {});
  const { serialNumber } = socket.getPeerX509Certificate() ?? {};
  socket.destroy();
  return serialNumber;
}

interface Client {
  readonly cert: string;
  readonly key: string;
}

/** Speaks as a server to the port for routes, and answers what it says. */
async function speakAsServer({ ports, dir }: NatsPod, client: Client): Promise<string> {
  const ca = await readFile(agentFiles(dir).roots);
  const socket = connectTls({ port: ports.cluster, host: '127.0.0.1', servername: 'localhost', ca, ...client });
  let said = '';
  let over = false;
  socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
  socket.on('error', (error) => (said += error.message));
  socket.on('close', () => (over = true));
  const about = { server_id: 'NAAA', name: 'rogue', server_name: 'rogue', cluster: 'portolan', headers: true };
  socket.write(`CONNECT ${JSON.stringify({ ...about, verbose: false, pedantic: false, tls_required: true })}\r\n`);
  socket.write(
    `INFO ${JSON.stringify({ ...about, version: '2.15.1', proto: 1, host: '127.0.0.1', port: 1 })}\r\nPING\r\n`,
  );
  await until(() => over || /PONG/.test(said), PATIENCE);
  socket.destroy();
  return said;
}

test('a gateway is let in as no server, though its certificate is of the same mesh', async () => {
  const [one] = planes.replicas;
  const [pod] = planes.nats;
  const { keys, identity } = await enrol('aws', one, one);
  const gateway = { cert: identity.certificateChain, key: await keyPem(keys.mesh.privateKey) };
  expect(await speakAsServer(pod, gateway)).toContain('Authorization Violation');
  // the same words with a server's certificate
  const pem = await readFile(agentFiles(pod.dir).certificate, 'utf8');
  expect(await speakAsServer(pod, { cert: pem, key: pem })).not.toContain('Authorization Violation');
}, 120_000);

test('a server is taken for no gateway, though its certificate is of the same mesh', async () => {
  expect(gatewayOfSpiffeId('test', natsSpiffeId('test', 'aws'))).toBeUndefined();
  const [one] = planes.replicas;
  const [pod] = planes.nats;
  const pem = await readFile(agentFiles(pod.dir).certificate, 'utf8');
  const ca = await readFile(agentFiles(pod.dir).roots, 'utf8');
  const connect = { ca, cert: pem, key: pem, servername: 'control.test.mesh.internal' };
  const agent = new Agent({ connect });
  const ask = async (method: 'GET' | 'POST', path: string, body?: unknown) => {
    const reply = await request(`https://localhost:${one.ports.tls}/api/v1${path}`, {
      dispatcher: agent,
      method,
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return { status: reply.statusCode, text: await reply.body.text() };
  };
  for (const reply of [
    await ask('GET', '/gateways/self/snapshot'),
    await ask('POST', '/renew', await renewBody(await makeGatewayKeys())),
  ])
    expect(reply).toMatchObject({
      status: 403,
      text: expect.stringContaining('it names no gateway of this federation'),
    });
  await agent.destroy();
}, 60_000);

test('keys of NATS go to no other pod: another service account, another audience, an expired token, a pod without name', async () => {
  const [one] = planes.replicas;
  const { cluster } = planes;
  const { csr } = await renewBody(await makeGatewayKeys());
  const ask = async (serviceAccountToken: string) => {
    const reply = await request(`http://127.0.0.1:${one.ports.door}/api/v1/nats-servers/enroll`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ csr, serviceAccountToken }),
    });
    return { status: reply.statusCode, cache: reply.headers['cache-control'], text: await reply.body.text() };
  };
  const serviceAccount = 'nats';
  const good = await ask(await cluster.token({ serviceAccount, pod: makePod('nats-7') }));
  expect(good).toMatchObject({ status: 200, cache: 'no-store', text: expect.stringContaining('storeKey') });
  for (const token of [
    await cluster.token(), // of a gateway
    await cluster.token({ serviceAccount, audience: 'https://other.example' }),
    await cluster.token({ serviceAccount, issuedAt: Date.now() - 7_200_000 }),
    await cluster.token({ serviceAccount, pod: undefined }),
    await cluster.token({ serviceAccount, pod: makePod('a.b') }),
    'nonsense',
  ]) {
    const reply = await ask(token);
    expect(reply).toMatchObject({ status: 403, text: expect.stringContaining('enrolment_refused') });
    expect(reply.text).not.toMatch(/storeKey|Jwt/);
  }
});
