/**
 * NATS with a public certificate that the control plane orders: agents fetch it, servers show it, and a renewed one reaches the next client without a
 * connection lost. Real processes, a real ACME server (pebble), a DNS server that takes signed updates.
 */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { siteFiles } from '../config.ts';
import { openDatabase } from '../db/index.ts';
import { until } from '../test/backbone.ts';
import { makePod } from '../test/cluster.ts';
import { startTestDns } from '../test/dns-server.ts';
import { startPebble } from '../test/pebble.ts';
import { connectAsControl, makeTwoPlanes, type NatsPod, type TwoPlanes } from '../test/two-planes.ts';
import { agentFiles } from './files.ts';

const NAME = 'control.example.test';
const PATIENCE = 120_000;
const stack = new AsyncDisposableStack();
let planes: TwoPlanes;
let root: string;
let beside: ReturnType<NatsPod['beside']>[] = [];

beforeAll(async () => {
  const secret = Buffer.alloc(32, 7);
  const dns = stack.use(await startTestDns(['example.test'], [{ name: 'portolan', algorithm: 'hmac-sha256', secret }]));
  const pebble = stack.use(await startPebble({ dns: dns.address }));
  const folder = await mkdtemp(join(tmpdir(), 'nats-certificate-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  root = await pebble.root();
  const [keyFile, caFile] = [join(folder, 'tsig'), join(folder, 'root.crt')];
  await writeFile(keyFile, secret.toString('base64'), { mode: 0o600 });
  await writeFile(caFile, root);
  const rfc2136 = { server: dns.address, zone: 'example.test', keyName: 'portolan', keyFile };
  const certificates = {
    directory: pebble.directory,
    termsOfServiceAgreed: true,
    caFile: pebble.caFile,
    dns: { rfc2136, resolvers: [dns.address] },
  };
  const more = `  certificates: ${JSON.stringify(certificates)}`;
  planes = stack.use(await makeTwoPlanes(more, { name: NAME, caFile }));
  const [one] = planes.replicas;
  const { child, said } = planes.run('init', '--config', one.configFile);
  const [code] = await once(child, 'close');
  expect(code, said()).toBe(0);
  await one.start();
  for (const pod of planes.nats) expect(await pod.once()).toMatchObject({ code: 0 });
  await Promise.all(planes.nats.map((pod) => pod.start()));
  beside = planes.nats.map((pod) => pod.beside());
}, 600_000);
afterAll(() => stack.disposeAsync(), 60_000);

/** Verified as clients do; undefined while it does not hold. NATS speaks TLS first. */
async function shownBy({ ports }: NatsPod): Promise<string | undefined> {
  const socket = connectTls({ port: ports.clients, host: '127.0.0.1', servername: NAME, ca: root });
  socket.on('error', () => {});
  await once(socket, 'secureConnect').catch(() => {});
  const serial = socket.authorized ? socket.getPeerX509Certificate()?.serialNumber : undefined;
  socket.destroy();
  return serial;
}
const serialOf = async (): Promise<string> =>
  new X509Certificate(await readFile(siteFiles(planes.replicas[0].config).certFile)).serialNumber;
const allShow = async (serial: string): Promise<boolean> =>
  (await Promise.all(planes.nats.map(shownBy))).every((shown) => shown === serial);

test(
  'every NATS server shows the certificate that the control plane ordered; its file is closed to others, its key in no log',
  async () => {
    await until(async () => allShow(await serialOf()), PATIENCE);
    for (const { dir } of planes.nats) {
      const { public: path } = agentFiles(dir);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(await readFile(path, 'utf8')).toContain('PRIVATE KEY');
    }
    for (const { said } of beside) expect(said()).not.toContain('PRIVATE');
  },
  PATIENCE,
);

test(
  'a renewed one is shown to the next client, and no connection that is open breaks off',
  async () => {
    const { control, stop } = await connectAsControl(planes);
    const lost: string[] = [];
    void (async () => {
      for await (const { type } of control.status()) if (/disconnect|error|close/.test(type)) lost.push(type);
    })();
    const before = await serialOf();
    const { db, close } = openDatabase(planes.database);
    await db
      .updateTable('certificates')
      .set({ renew_at: new Date(0) })
      .execute();
    await close();
    await until(async () => (await serialOf()) !== before, PATIENCE);
    await until(async () => allShow(await serialOf()), PATIENCE);
    await control.flush();
    expect(lost).toEqual([]);
    await stop();
  },
  PATIENCE * 2,
);

test('the pair goes to pods of NATS alone, and no cache keeps it', async () => {
  const { cluster, replicas } = planes;
  const ask = async (serviceAccountToken: string) => {
    const reply = await request(`http://127.0.0.1:${replicas[0].ports.door}/api/v1/nats-servers/certificate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ serviceAccountToken }),
    });
    return { status: reply.statusCode, cache: reply.headers['cache-control'], text: await reply.body.text() };
  };
  const serviceAccount = 'nats';
  const good = await ask(await cluster.token({ serviceAccount, pod: makePod('nats-7') }));
  expect(good).toMatchObject({ status: 200, cache: 'no-store', text: expect.stringContaining('PRIVATE KEY') });
  for (const token of [
    await cluster.token(), // of a gateway
    await cluster.token({ serviceAccount, audience: 'https://other.example' }),
    await cluster.token({ serviceAccount, issuedAt: Date.now() - 7_200_000 }),
    'nonsense',
  ]) {
    const reply = await ask(token);
    expect(reply).toMatchObject({ status: 403, text: expect.stringContaining('enrolment_refused') });
    expect(reply.text).not.toContain('PRIVATE');
  }
});
