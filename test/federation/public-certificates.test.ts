/**
 * The public certificate of a gateway by ACME, from the order to the handshake: a control plane, NATS and a gateway as processes, a real ACME server
 * (pebble) and a DNS server that takes signed updates.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { pairOf } from '../../control-plane/acme/store.ts';
import { type Db, openDatabase } from '../../control-plane/db/index.ts';
import { readKekFile } from '../../control-plane/keys/kek.ts';
import { until } from '../../control-plane/test/backbone.ts';
import { startTestDns } from '../../control-plane/test/dns-server.ts';
import { startTestNats, type TestNats } from '../../control-plane/test/nats-server.ts';
import { startPebble, type TestPebble } from '../../control-plane/test/pebble.ts';
import { freePort, startTestPostgres } from '../../control-plane/test/postgres.ts';
import { makePlace, type TestPlace } from '../../control-plane/test/process.ts';

const NAME = 'aws.example.test';
const PATIENCE = 90_000;
const stack = new AsyncDisposableStack();

let place: TestPlace;
let database: Db;
let pebble: TestPebble;
let nats: TestNats;
let serving: ReturnType<TestPlace['spawn']>;
let folder: string;
let ports: { tls: number; health: number; metrics: number };
let gateway: Gateway;

interface Gateway {
  readonly child: ChildProcess;
  said(): string;
}

beforeAll(async () => {
  const postgres = stack.use(await startTestPostgres());
  const secret = randomBytes(32);
  const dns = stack.use(await startTestDns(['example.test'], [{ name: 'portolan', algorithm: 'hmac-sha512', secret }]));
  pebble = stack.use(await startPebble({ dns: dns.address }));
  folder = await mkdtemp(join(tmpdir(), 'public-certificates-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'tsig'), secret.toString('base64'), { mode: 0o600 });
  const certificates = {
    directory: pebble.directory,
    termsOfServiceAgreed: true,
    caFile: pebble.caFile,
    dns: {
      rfc2136: {
        ...{ server: dns.address, zone: 'example.test', keyName: 'portolan' },
        ...{ algorithm: 'hmac-sha512', keyFile: join(folder, 'tsig') },
      },
      resolvers: [dns.address],
    },
  };
  place = stack.use(await makePlace(await postgres.schema('acme'), `  certificates: ${JSON.stringify(certificates)}`));
  database = openDatabase(
    await postgres.schema('unused').then((at) => ({ ...at, url: at.url.replace('unused', 'acme') })),
  );
  stack.defer(() => database.close());
  const born = await place.run('init', '--config', 'CONFIG');
  expect(born, born.err).toMatchObject({ code: 0 });
  serving = place.spawn('serve', '--config', 'CONFIG');
  nats = stack.use(await startTestNats(join(place.dir, 'data', 'nats.conf'), place.ports.nats));
  await until(async () => (await status(place.ports.health)) === 200, PATIENCE);
  ports = { tls: await freePort(), health: await freePort(), metrics: await freePort() };
}, 600_000);
afterAll(() => stack.disposeAsync(), 60_000);

const status = (port: number, path = '/readyz'): Promise<number> =>
  request(`http://127.0.0.1:${port}${path}`).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return statusCode;
    },
    () => 0,
  );
async function ask(method: 'PUT' | 'POST' | 'GET', path: string, body?: unknown) {
  const reply = await request(`http://127.0.0.1:${place.ports.door}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${await place.adminToken()}`, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: reply.statusCode, text: await reply.body.text() };
}

async function startGateway(): Promise<Gateway> {
  const config = join(folder, 'gateway.yaml');
  const settings = {
    url: `https://${NAME}`,
    controlPlane: {
      url: `https://localhost:${place.ports.tls}`,
      natsUrl: `nats://localhost:${place.ports.nats}`,
      caFile: join(place.dir, 'data', 'site', 'ca.crt'),
    },
    listen: Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `127.0.0.1:${port}`])),
    certificate: 'acme',
    dataDir: join(folder, 'gateway'),
    enrolmentFile: join(folder, 'enrolment.json'),
    limits: { drainDelayMs: 0 },
  };
  await writeFile(config, stringify({ gateway: settings }));
  const main = join(import.meta.dirname, '..', '..', 'gateway', 'main.ts');
  const child = spawn(process.execPath, [main, '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  stack.defer(() => kill(child));
  let output = '';
  for (const from of [child.stdout, child.stderr]) from.on('data', (data: Buffer) => (output += data.toString()));
  return { child, said: () => output };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** A verified connection to the gateway's public name. Rejects where there is none. */
async function handshake(): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: ports.tls,
    servername: NAME,
    ca: await pebble.root(),
    ALPNProtocols: ['http/1.1'],
  });
  await once(socket, 'secureConnect');
  return socket;
}
const serialOf = (socket: TLSSocket): string => socket.getPeerCertificate().serialNumber;
async function shown(): Promise<string> {
  const socket = await handshake();
  const serial = serialOf(socket);
  socket.destroy();
  return serial;
}

/** One request on a connection that stays. */
async function ping(socket: TLSSocket): Promise<string> {
  socket.write(`GET /mcp/none HTTP/1.1\r\nhost: ${NAME}\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  return head.toString().split('\r\n')[0] ?? '';
}

const rowNow = () => database.db.selectFrom('certificates').selectAll().where('plane', '=', 'aws').executeTakeFirst();
const renewNow = () =>
  database.db
    .updateTable('certificates')
    .set({ renew_at: new Date(0) })
    .execute();

test('a gateway with an ordered certificate is ready once it has it, and shows it on its public name', {
  timeout: PATIENCE * 2,
}, async () => {
  expect(await ask('PUT', '/gateways/aws', { url: `https://${NAME}`, certificate: 'acme' })).toMatchObject({
    status: 201,
  });
  const enrolment = await ask('POST', '/gateways/aws/enrolments');
  await writeFile(join(folder, 'enrolment.json'), enrolment.text, { mode: 0o600 });
  gateway = await startGateway();
  await until(async () => (await status(ports.health)) === 200, PATIENCE);
  const socket = await handshake();
  expect([socket.authorized, socket.getPeerCertificate().subjectaltname]).toEqual([true, `DNS:${NAME}`]);
  expect(await ping(socket)).toBe('HTTP/1.1 401 Unauthorized');
  socket.destroy();
  const { certificates } = JSON.parse((await ask('GET', '/status')).text);
  expect(certificates).toMatchObject([{ plane: 'aws', name: NAME, late: false, failures: 0, lastError: null }]);
});

test('a renewed certificate is shown to who comes, and no connection that is open breaks off', {
  timeout: PATIENCE,
}, async () => {
  const open = await handshake();
  const before = serialOf(open);
  expect(await ping(open)).toContain('401');
  await renewNow();
  await until(async () => (await shown()) !== before, PATIENCE);
  expect([await ping(open), open.destroyed]).toEqual(['HTTP/1.1 401 Unauthorized', false]);
  open.destroy();
});

test('the key is nowhere in clear: not in the database, not on disks of the gateway, not in a log', async () => {
  const row = await rowNow();
  const kek = await readKekFile(join(place.dir, 'data', 'kek'));
  const pair = row && (await pairOf({ kek }, row));
  const base64 = (pair?.key ?? '').split('\n').slice(1, -2).join('');
  expect(base64.length).toBeGreaterThan(100);
  const der = Buffer.from(base64, 'base64');
  const secret = der.subarray(36, 68); // the private number alone
  const stored = await database.db.selectFrom('certificates').selectAll().execute();
  const accounts = await database.db.selectFrom('acme_accounts').selectAll().execute();
  const snapshots = await database.db.selectFrom('snapshots').select('jws').execute();
  const texts = [
    JSON.stringify([stored, accounts]),
    ...snapshots.map(({ jws }) => Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()),
    ...(await filesBelow(join(folder, 'gateway'))),
    gateway.said(),
    serving.said(),
    pebble.said(),
  ];
  const forms = [
    secret.toString('base64').slice(0, 40),
    secret.toString('hex'),
    base64.slice(60, 100),
    `PRIVATE KEY-----\\n${base64.slice(0, 10)}`,
  ];
  for (const text of texts) for (const form of forms) expect(text.includes(form)).toBe(false);
  for (const { wrapped_key } of stored) expect(wrapped_key?.includes(secret)).toBe(false);
  expect(gateway.said()).toContain('public certificate taken up');
});

test('after a restart with control plane and NATS dead the gateway shows the certificate it had', {
  timeout: PATIENCE,
}, async () => {
  const before = await shown();
  await kill(serving);
  await nats.kill();
  await kill(gateway.child);
  gateway = await startGateway();
  await until(async () => (await status(ports.health)) === 200, PATIENCE);
  expect(await shown()).toBe(before);
  expect(new X509Certificate((await rowNow())?.chain ?? '').serialNumber.toLowerCase()).toBe(before.toLowerCase());
});

/** Texts of what lies there, keys of its own left out. */
async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')));
}
