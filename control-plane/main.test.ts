/**
 * The process as a person and a gateway see it, without NATS: birth, start, one port with two names, PostgreSQL going and coming, the end.
 * The real command, real PostgreSQL, real TLS.
 */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { connect as dialTcp } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readArguments } from './main.ts';
import { keyPem } from './mesh-ca/x509.ts';
import { type GatewayKeys, makeGatewayKeys, renewBody } from './test/gateway-client.ts';
import { startTestPostgres, type TestPostgres } from './test/postgres.ts';
import { makePlace, type TestPlace } from './test/process.ts';

let postgres: TestPostgres;
let place: TestPlace;
let serving: ReturnType<TestPlace['spawn']>;
let admin: string;
const agents: Agent[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres();
  place = await makePlace(await postgres.schema('main'), '  renewGrace: 1d');
  const born = await place.run('init', '--config', 'CONFIG');
  expect(born, born.err).toMatchObject({ code: 0 });
  admin = await place.adminToken();
  serving = place.spawn('serve', '--config', 'CONFIG');
  await vi.waitUntil(async () => (await ready()) === 200, { timeout: 20_000 });
});
afterAll(async () => {
  for (const agent of agents) await agent.destroy();
  await place?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

const plain = async (port: number, path: string) => {
  const reply = await request(`http://127.0.0.1:${port}${path}`);
  return { status: reply.statusCode, text: await reply.body.text() };
};
const ready = () =>
  plain(place.ports.health, '/readyz').then(
    (reply) => reply.status,
    () => 0,
  );

const headers = () => ({ authorization: `Bearer ${admin}`, 'content-type': 'application/json' });
async function ask(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown) {
  const reply = await request(`http://127.0.0.1:${place.ports.door}/api/v1${path}`, {
    method,
    headers: headers(),
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await reply.body.text();
  return { status: reply.statusCode, body: text === '' ? undefined : JSON.parse(text), headers: reply.headers };
}

interface Door {
  readonly servername: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

async function askTls(door: Door, method: 'GET' | 'POST', path: string, body?: unknown) {
  const agent = new Agent({
    connect: { ...door, maxCachedSessions: 0 } as never,
  });
  agents.push(agent);
  const reply = await request(`https://127.0.0.1:${place.ports.tls}/api/v1${path}`, {
    dispatcher: agent,
    method,
    headers: { 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: reply.statusCode, type: reply.headers['content-type'], text: await reply.body.text() };
}
const siteCa = () => readFile(join(place.dir, 'data', 'site', 'ca.crt'), 'utf8');
const MESH = 'control.test.mesh.internal';

describe('birth', () => {
  test('again it makes nothing, and says nothing', async () => {
    expect(await place.run('init', '--config', 'CONFIG')).toEqual({ code: 0, out: '', err: '' });
    expect(await place.adminToken()).toBe(admin);
  });

  test('everything it wrote is closed to others', async () => {
    for (const entry of await readdir(join(place.dir, 'data'), { recursive: true, withFileTypes: true })) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      expect([entry.name, (mode & 0o777).toString(8)]).toEqual([entry.name, entry.isDirectory() ? '700' : '600']);
    }
  });
});

describe('the command line', () => {
  test('help and version', async () => {
    expect(await place.run('--help')).toMatchObject({
      code: 0,
      out: expect.stringContaining('control-plane serve --config <file>'),
    });
    expect(await place.run('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  test.each([
    [[]],
    [['run', '--config', 'x']],
    [['serve']],
    [['serve', '--port', '1']],
    [['serve', 'init', '--config', 'x']],
  ])('%j is refused', (args) => {
    expect(() => readArguments(args)).toThrow();
  });

  test('a configuration that is not there', async () => {
    expect(await place.run('serve', '--config', '/nowhere.yaml')).toMatchObject({
      code: 1,
      err: expect.stringContaining('/nowhere.yaml cannot be read'),
    });
  });

  test('a port that is taken is named, and nothing is left listening', async () => {
    expect(await place.run('serve', '--config', 'CONFIG')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/controlPlane\.listen\.tls: cannot listen on 127\.0\.0\.1:\d+: the port is taken/),
    });
  });

  test('serve before init says what to do', async () => {
    await using other = await makePlace(postgres.address);
    expect(await other.run('serve', '--config', 'CONFIG')).toMatchObject({
      code: 1,
      err: expect.stringContaining('control-plane init'),
    });
  });
});

test('health, and metrics, and nothing else on their ports', async () => {
  expect(await plain(place.ports.health, '/livez')).toEqual({ status: 200, text: '' });
  expect((await plain(place.ports.health, '/metrics')).status).toBe(404);
  expect((await plain(place.ports.metrics, '/metrics')).text).toContain('process_cpu_seconds_total');
  expect((await plain(place.ports.metrics, '/api/v1/users')).status).toBe(404);
});

test('it serves while NATS is away, and says so', async () => {
  const { body } = await ask('GET', '/status');
  expect(body).toMatchObject({ federation: 'test', database: { reachable: true }, nats: { connected: false } });
});

describe('one port, two names', () => {
  let keys: GatewayKeys;
  let gateway: Door;
  let identity: { caBundle: string[]; certificateChain: string; snapshot: string };

  beforeAll(async () => {
    await ask('PUT', '/gateways/aws', { url: 'https://aws.example.com' });
    const { body: enrolment } = await ask('POST', '/gateways/aws/enrolments');
    expect(enrolment).toMatchObject({ gateway: 'aws', token: expect.stringMatching(/^ptl_enr_/) });
    keys = await makeGatewayKeys();
    const reply = await askTls({ servername: 'localhost', ca: await siteCa() }, 'POST', '/enroll', {
      ...(await renewBody(keys)),
      token: enrolment.token,
    });
    expect(reply.status, reply.text).toBe(200);
    identity = JSON.parse(reply.text);
    gateway = {
      servername: MESH,
      ca: identity.caBundle.join('\n'),
      cert: identity.certificateChain,
      key: await keyPem(keys.mesh.privateKey),
    };
  });

  test('a one-time secret works for one gateway', async () => {
    const { body: enrolment } = await ask('POST', '/gateways/aws/enrolments');
    const door = { servername: 'localhost', ca: await siteCa() };
    const body = { ...(await renewBody(await makeGatewayKeys())), token: enrolment.token };
    expect((await askTls(door, 'POST', '/enroll', body)).status).toBe(200);
    const another = { ...(await renewBody(await makeGatewayKeys())), token: enrolment.token };
    expect((await askTls(door, 'POST', '/enroll', another)).status).toBe(403);
  });

  test('at the mesh name the gateway is known by its certificate', async () => {
    const first = await askTls(gateway, 'GET', '/gateways/self/snapshot');
    expect(first).toMatchObject({ status: 200, type: 'application/jose' });
    const { revision } = JSON.parse(Buffer.from(first.text.split('.')[1] ?? '', 'base64url').toString());
    expect(await askTls(gateway, 'GET', `/gateways/self/snapshot?after=${revision}`)).toMatchObject({
      status: 204,
      text: '',
    });
    const renewed = await askTls(gateway, 'POST', '/renew', await renewBody(keys));
    expect(renewed.status, renewed.text).toBe(200);
    const chain = JSON.parse(renewed.text).certificateChain;
    expect(new X509Certificate(chain).subjectAltName).toContain('URI:spiffe://test/gateway/aws');
  });

  test('the mesh name shows the mesh certificate, the public name the site certificate', async () => {
    const mesh = await handshake({ servername: MESH, ca: gateway.ca });
    expect(mesh.getPeerX509Certificate()?.subjectAltName).toContain('spiffe://test/control');
    const site = await handshake({ servername: 'localhost', ca: await siteCa() });
    expect(site.getPeerX509Certificate()?.subjectAltName).toContain('DNS:localhost');
    for (const socket of [mesh, site]) expect(socket.getProtocol()).toBe('TLSv1.3');
    mesh.destroy();
    site.destroy();
  });

  test('without a certificate, and with one of another CA, the mesh routes say 403', async () => {
    const { cert: _, key: __, ...bare } = gateway;
    expect(await askTls(bare, 'GET', '/gateways/self/snapshot')).toMatchObject({
      status: 403,
      text: expect.stringContaining('certificate_refused'),
    });
    const site = join(place.dir, 'data', 'site');
    const foreign = {
      ...bare,
      cert: await readFile(join(site, 'tls.crt'), 'utf8'),
      key: await readFile(join(site, 'tls.key'), 'utf8'),
    };
    expect((await askTls(foreign, 'GET', '/gateways/self/snapshot')).status).toBe(403);
    expect((await askTls(foreign, 'POST', '/renew', await renewBody(keys))).status).toBe(403);
  });

  test('mesh routes are at the mesh name alone, all others everywhere but there', async () => {
    const ca = await siteCa();
    expect((await askTls({ ...gateway, servername: 'localhost', ca }, 'GET', '/gateways/self/snapshot')).status).toBe(
      404,
    );
    expect((await ask('POST', '/renew', {})).status).toBe(404);
    expect((await askTls(gateway, 'GET', '/users')).status).toBe(404);
    expect((await askTls({ servername: 'localhost', ca }, 'GET', '/users')).status).toBe(401);
  });

  test('TLS 1.2 is refused, and no session is resumed', async () => {
    await expect(handshake({ servername: MESH, ca: gateway.ca, maxVersion: 'TLSv1.2' })).rejects.toThrow();
    const options = {
      servername: MESH,
      ca: gateway.ca,
      ...(gateway.cert && { cert: gateway.cert }),
      ...(gateway.key && { key: gateway.key }),
    };
    const first = await handshake(options);
    let session: Buffer | undefined = first.getSession();
    first.on('session', (ticket: Buffer) => {
      session = ticket;
    });
    first.write('GET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    first.resume();
    await once(first, 'close');
    const again = await handshake({ ...options, ...(session && { session }) });
    expect(again.isSessionReused()).toBe(false);
    again.destroy();
  });

  test('a connection of nonsense ends alone', async () => {
    const socket = dialTcp(place.ports.tls, '127.0.0.1');
    socket.on('error', () => {});
    socket.end('GET / HTTP/1.1\r\n\r\n');
    await once(socket, 'close');
    await expect(handshake({ servername: 'a\u0000b', ca: gateway.ca })).rejects.toThrow();
    expect(await ready()).toBe(200);
  });
});

test('PostgreSQL goes: 503 with a sentence, alive but not ready; it comes back: all is as before', async () => {
  await postgres.kill();
  const away = await ask('GET', '/users');
  expect(away).toMatchObject({
    status: 503,
    body: { error: { code: 'database_away' } },
    headers: { 'retry-after': '1' },
  });
  expect(await ready()).toBe(503);
  expect((await plain(place.ports.health, '/livez')).status).toBe(200);
  await postgres.start();
  await expect.poll(ready, { timeout: 10_000 }).toBe(200);
  expect((await ask('PUT', '/users/after-outage', {})).status).toBe(201);
  // the publisher is back, too: the outbox empties
  await expect
    .poll(async () => (await ask('GET', '/gateways/aws')).body.revision, { timeout: 10_000 })
    .toBeGreaterThan(0);
});

test('started before PostgreSQL it waits, says so, and goes on when it comes', async () => {
  await using early = await makePlace(await postgres.schema('early'));
  expect((await early.run('init', '--config', 'CONFIG')).code).toBe(0);
  await postgres.kill();
  const process = early.spawn('serve', '--config', 'CONFIG');
  const health = () =>
    plain(early.ports.health, '/readyz').then(
      (reply) => reply.status,
      () => 0,
    );
  await expect.poll(health, { timeout: 20_000 }).toBe(503);
  await expect.poll(process.said).toContain('PostgreSQL does not answer; waiting for it');
  const reply = await request(`http://127.0.0.1:${early.ports.door}/api/v1/users`, { headers: headers() });
  expect([reply.statusCode, ((await reply.body.json()) as { error: { code: string } }).error.code]).toEqual([
    503,
    'not_ready',
  ]);
  await postgres.start();
  await expect.poll(health, { timeout: 10_000 }).toBe(200);
  process.kill('SIGTERM');
  const [code] = await once(process, 'exit');
  expect(code).toBe(0);
});

test('SIGTERM while it waits for PostgreSQL ends it at once', async () => {
  await using early = await makePlace(await postgres.schema('term'));
  expect((await early.run('init', '--config', 'CONFIG')).code).toBe(0);
  await postgres.kill();
  const process = early.spawn('serve', '--config', 'CONFIG');
  await expect.poll(process.said, { timeout: 20_000 }).toContain('waiting for it');
  process.kill('SIGTERM');
  expect(await once(process, 'exit')).toEqual([0, null]);
  await postgres.start();
  await expect.poll(ready, { timeout: 10_000 }).toBe(200);
});

test('SIGTERM: it ends with 0, and no secret is in what it said', async () => {
  serving.kill('SIGTERM');
  expect(await once(serving, 'exit')).toEqual([0, null]);
  expect(serving.said()).toContain('"msg":"stopped"');
  expect(serving.said()).not.toMatch(/ptl_[a-z]{3}_|PRIVATE KEY/);
  expect(serving.said()).not.toContain(admin);
});

/** A TLS connection that has got as far as it must to say anything. */
async function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: place.ports.tls, ...options });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}
