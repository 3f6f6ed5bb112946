/**
 * The control plane's own certificate by ACME: two processes on one database, a real ACME server (pebble), a DNS server that takes signed updates.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseAddress, openDatabase } from '../db/index.ts';
import { until } from '../test/backbone.ts';
import { startTestDns, type TestDns } from '../test/dns-server.ts';
import { startPebble, type TestPebble } from '../test/pebble.ts';
import { startTestPostgres } from '../test/postgres.ts';
import { makePlace, type TestPlace } from '../test/process.ts';

const NAME = 'control.example.test';
const PATIENCE = 90_000;
const stack = new AsyncDisposableStack();

let address: DatabaseAddress;
let dns: TestDns;
let pebble: TestPebble;
let places: readonly TestPlace[];
let said: (() => string)[];

beforeAll(async () => {
  const postgres = stack.use(await startTestPostgres());
  address = await postgres.schema('own');
  const secret = randomBytes(32);
  dns = stack.use(await startTestDns(['example.test'], [{ name: 'portolan', algorithm: 'hmac-sha256', secret }]));
  pebble = stack.use(await startPebble({ dns: dns.address }));
  const folder = await mkdtemp(join(tmpdir(), 'own-certificate-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'tsig'), secret.toString('base64'), { mode: 0o600 });
  const certificates = {
    directory: pebble.directory,
    termsOfServiceAgreed: true,
    caFile: pebble.caFile,
    dns: {
      rfc2136: { server: dns.address, zone: 'example.test', keyName: 'portolan', keyFile: join(folder, 'tsig') },
      resolvers: [dns.address],
    },
  };
  const own = { name: NAME, siteCertificate: '{ acme: true }' };
  const make = () => makePlace(address, `  certificates: ${JSON.stringify(certificates)}`, own);
  const [first, second] = [stack.use(await make()), stack.use(await make())];
  const born = await first.run('init', '--config', 'CONFIG');
  expect(born, born.err).toMatchObject({ code: 0 });
  await cp(join(first.dir, 'data'), join(second.dir, 'data'), { recursive: true });
  places = [first, second];
}, 600_000);
afterAll(() => stack.disposeAsync(), 60_000);

const status = (port: number, path: string): Promise<number> =>
  request(`http://127.0.0.1:${port}${path}`).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return statusCode;
    },
    () => 0,
  );
const all = async (path: string): Promise<readonly number[]> =>
  Promise.all(places.map(({ ports }) => status(ports.health, path)));

async function handshake({ ports }: TestPlace): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: ports.tls, servername: NAME, ca: await pebble.root() });
  await once(socket, 'secureConnect');
  return socket;
}
async function shown(place: TestPlace): Promise<string> {
  const socket = await handshake(place);
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}
const added = () => dns.updates.filter((update) => update.startsWith('add')).length;

test('birth: alive at once, ready only with its first certificate; of two control planes one orders and both show it', {
  timeout: PATIENCE * 2,
}, async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  dns.held = promise;
  said = places.map((place) => place.spawn('serve', '--config', 'CONFIG').said);
  await until(async () => (await all('/livez')).every((code) => code === 200), PATIENCE);
  // whoever orders waits for DNS now
  await until(async () => said.some((text) => text().includes('PostgreSQL answers')), PATIENCE);
  expect(await all('/readyz')).toEqual([503, 503]);
  for (const place of places) await expect(handshake(place)).rejects.toThrow();
  resolve();
  await until(async () => (await all('/readyz')).every((code) => code === 200), PATIENCE);
  const [one, two] = await Promise.all(places.map(shown));
  expect(one).toBe(two);
  expect(added()).toBe(1);
  expect(said.map((text) => text().match(/certificate obtained/g)?.length ?? 0).toSorted()).toEqual([0, 1]);
  for (const { dir } of places) {
    const files = ['tls.crt', 'tls.key'].map((name) => join(dir, 'data', 'site', name));
    expect(await readFile(files[1] ?? '', 'utf8')).toContain('PRIVATE KEY');
    for (const file of files) expect((await stat(file)).mode & 0o777).toBe(0o600);
  }
});

test('renewal: both show the new one at once, and no connection that is open breaks off', {
  timeout: PATIENCE,
}, async () => {
  const open = await Promise.all(places.map(handshake));
  const before = open[0]?.getPeerCertificate().serialNumber;
  const { db, close } = openDatabase(address);
  await db
    .updateTable('certificates')
    .set({ renew_at: new Date(0) })
    .execute();
  await close();
  await until(async () => (await Promise.all(places.map(shown))).every((serial) => serial !== before), PATIENCE);
  expect(added()).toBe(2);
  for (const socket of open) {
    socket.write(`GET /api/v1/openapi.json HTTP/1.1\r\nhost: ${NAME}\r\n\r\n`);
    expect(String(((await once(socket, 'data')) as [Buffer])[0])).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  }
});

test('when it ends is a metric of each control plane, and stands in /status', async () => {
  for (const { ports } of places) {
    const text = await (await request(`http://127.0.0.1:${ports.metrics}/metrics`)).body.text();
    const ends = Number(/^portolan_certificate_not_after_seconds\{plane="control"\} (\d+)/m.exec(text)?.[1]);
    expect(ends * 1_000 - Date.now()).toBeGreaterThan(80_000_000);
    expect(text).toContain('# TYPE portolan_acme_failures_total counter');
  }
  const [place] = places;
  const reply = await request(`http://127.0.0.1:${place?.ports.door}/api/v1/status`, {
    headers: { authorization: `Bearer ${await place?.adminToken()}` },
  });
  expect(((await reply.body.json()) as { certificates: unknown }).certificates).toMatchObject([
    { plane: 'control', name: NAME, late: false, failures: 0, lastError: null },
  ]);
});
