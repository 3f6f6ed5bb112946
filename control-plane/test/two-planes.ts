/**
 * A control plane as Kubernetes runs it, on loopback: one PostgreSQL, two replicas on data directories of their own with their keys in the database,
 * three NATS servers on what three agents wrote. Real processes; pods prove themselves by tokens of a stand-in cluster.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { request } from 'undici';
import { findTool } from '../../tools/toolchain/index.ts';
import { type Config, parseConfig, siteFiles } from '../config.ts';
import type { DatabaseAddress } from '../db/index.ts';
import { readKekFile } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import { ControlCertificate, MeshCa } from '../mesh-ca/index.ts';
import { dial } from '../nats/dial.ts';
import { readNatsKeys } from '../nats/keys.ts';
import { controlUser } from '../nats/user-jwt.ts';
import { until } from './backbone.ts';
import { Cluster, makePod } from './cluster.ts';
import { type GatewayKeys, makeGatewayKeys, renewBody } from './gateway-client.ts';
import { freePort, startTestPostgres } from './postgres.ts';

const MAIN = join(import.meta.dirname, '..', 'main.ts');

export interface Process {
  readonly child: ChildProcess;
  readonly said: () => string;
}

export interface Replica {
  readonly config: Config;
  readonly configFile: string;
  readonly ports: { readonly tls: number; readonly door: number; readonly health: number };
  start(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of it is the test's own matter
  ask(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: any }>;
}

export interface NatsPod {
  readonly name: string;
  readonly dir: string;
  readonly storeDir: string;
  readonly ports: { readonly clients: number; readonly cluster: number; readonly monitor: number };
  readonly tls: { readonly certFile: string; readonly keyFile: string };
  /** Runs the agent until it ends. */
  once(): Promise<{ readonly code: number | null; readonly said: string }>;
  beside(): Process;
  start(): Promise<void>;
  kill(): Promise<void>;
}

export interface TwoPlanes extends AsyncDisposable {
  readonly dir: string;
  readonly database: DatabaseAddress;
  readonly cluster: Cluster;
  readonly replicas: readonly [Replica, Replica];
  readonly nats: readonly [NatsPod, NatsPod, NatsPod];
  adminToken(): Promise<string>;
  run(...args: string[]): Process;
}

/** The public name where its certificate is ordered, and the authorities of that: `certificates` is in `more`. */
export interface OrderedName {
  readonly name: string;
  readonly caFile: string;
}

/** Nothing is started but PostgreSQL. */
export async function makeTwoPlanes(more = '', ordered?: OrderedName): Promise<TwoPlanes> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'portolan-two-'));
  stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const postgres = stack.use(await startTestPostgres());
  const cluster = await Cluster.start('control');
  await writeFile(join(dir, 'kek'), randomBytes(32), { mode: 0o600 });
  const started: ChildProcess[] = [];
  stack.defer(async () => void (await Promise.all(started.map(end))));
  const launch = (command: string, args: readonly string[]): Process => {
    const env = { PATH: process.env.PATH, DATABASE_URL: postgres.address.url, PGPASSFILE: postgres.address.passFile };
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString()).slice(-200_000);
      });
    return { child, said: () => text };
  };
  const run = (...args: string[]): Process => launch(process.execPath, [MAIN, ...args]);
  const pods = await Promise.all([0, 1, 2].map((i) => podPlace(dir, `nats-${i}`)));
  const place: Place = { dir, cluster, database: postgres.address, run, launch, pods, more, ordered };
  const adminToken = async () => (await readFile(join(dir, 'cp-0', 'data', 'admin-token'), 'utf8')).trim();
  const replicas = [await makeReplica(place, 0, adminToken), await makeReplica(place, 1, adminToken)] as const;
  const [a, b, c] = pods.map((pod) => makePodOf(place, pod, replicas[0]));
  if (!a || !b || !c) throw new Error('three pods expected');
  const running = stack.move();
  return {
    dir,
    database: postgres.address,
    cluster,
    replicas,
    nats: [a, b, c],
    adminToken,
    run,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

interface PodPlace {
  readonly name: string;
  readonly dir: string;
  readonly ports: NatsPod['ports'];
}
interface Place {
  readonly dir: string;
  readonly cluster: Cluster;
  readonly database: DatabaseAddress;
  readonly run: (...args: string[]) => Process;
  readonly launch: (command: string, args: readonly string[]) => Process;
  readonly pods: readonly PodPlace[];
  readonly more: string;
  readonly ordered: OrderedName | undefined;
}

async function podPlace(dir: string, name: string): Promise<PodPlace> {
  const [clients, cluster, monitor] = [await freePort(), await freePort(), await freePort()];
  return { name, dir: join(dir, name), ports: { clients, cluster, monitor } };
}

async function makeReplica(place: Place, index: number, adminToken: () => Promise<string>): Promise<Replica> {
  const [tls, door, health, metrics] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const { ordered } = place;
  const home = join(place.dir, `cp-${index}`);
  await mkdir(home);
  const configFile = join(home, 'config.yaml');
  const text = `controlPlane:
  federation: test
  url: https://${ordered?.name ?? 'localhost'}:${tls}
  dataDir: ${join(home, 'data')}
  listen: { tls: "127.0.0.1:${tls}", insecureLoopback: "127.0.0.1:${door}", health: "127.0.0.1:${health}", metrics: "127.0.0.1:${metrics}" }
  siteCertificate: ${JSON.stringify(ordered ? { acme: true, caFile: ordered.caFile } : { hosts: ['localhost', '127.0.0.1'] })}
  keys: { in: database, kekFile: ${join(place.dir, 'kek')} }
  nats:
    url: [${place.pods.map(({ ports }) => `"nats://localhost:${ports.clients}"`).join(', ')}]
    servers: 3
${ordered ? `    tlsName: ${ordered.name}` : ''}
    clusterHost: localhost
    workloadIdentity: ${JSON.stringify({ ...place.cluster.identity, serviceAccount: 'nats' })}
${place.more}
`;
  await writeFile(configFile, text);
  const { url, passFile } = place.database;
  const config = parseConfig(text, { DATABASE_URL: url, PGPASSFILE: passFile }, 'test');
  let serving: Process | undefined;
  const isReady = async () =>
    request(`http://127.0.0.1:${health}/readyz`).then(
      (reply) => reply.body.dump().then(() => reply.statusCode === 200),
      () => false,
    );
  return {
    config,
    configFile,
    ports: { tls, door, health },
    start: async () => {
      serving = place.run('serve', '--config', configFile);
      await until(isReady, 60_000).catch((cause: unknown) => {
        throw new Error(`control plane ${index} is not ready: ${serving?.said()}`, { cause });
      });
    },
    kill: async () => {
      if (serving) await end(serving.child);
    },
    ask: async (method, path, body) => {
      const reply = await request(`http://127.0.0.1:${door}/api/v1${path}`, {
        method: method as 'GET',
        headers: { authorization: `Bearer ${await adminToken()}`, 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const said = await reply.body.text();
      return { status: reply.statusCode, body: said === '' ? undefined : JSON.parse(said) };
    },
  };
}

function makePodOf(
  { cluster, run, launch, dir, pods, ordered }: Place,
  { name, dir: home, ports }: PodPlace,
  plane: Replica,
): NatsPod {
  const tls = { certFile: join(home, 'tls.crt'), keyFile: join(home, 'tls.key') };
  const [configFile, tokenFile] = [join(home, 'agent.yaml'), join(home, 'token')];
  const [memory, storeDir] = [join(home, 'memory'), join(home, 'store')];
  const site = join(dir, 'cp-0', 'data', 'site');
  const prepare = async (): Promise<void> => {
    await mkdir(home, { recursive: true });
    await writeFile(tokenFile, await cluster.token({ pod: makePod(name), serviceAccount: 'nats' }));
    if (!ordered) {
      await copyFile(join(site, 'tls.crt'), tls.certFile);
      await copyFile(join(site, 'tls.key'), tls.keyFile);
    }
    await writeFile(
      configFile,
      `natsAgent:
  controlPlane: { url: "https://localhost:${plane.ports.tls}", tlsName: ${ordered?.name ?? 'localhost'}, caFile: ${ordered?.caFile ?? join(site, 'ca.crt')} }
  serviceAccountTokenFile: ${tokenFile}
  dir: ${memory}
  storeDir: ${storeDir}
  certificate: ${JSON.stringify(ordered ? 'acme' : tls)}
  listen: { clients: "127.0.0.1:${ports.clients}", cluster: "127.0.0.1:${ports.cluster}", monitor: "127.0.0.1:${ports.monitor}" }
  routes: [${pods.map((pod) => `"localhost:${pod.ports.cluster}"`).join(', ')}]
`,
    );
  };
  let server: Process | undefined;
  return {
    name,
    dir: memory,
    storeDir,
    ports,
    tls,
    once: async () => {
      await prepare();
      const agent = run('nats-agent', '--once', '--config', configFile);
      const [code] = await once(agent.child, 'close');
      return { code, said: agent.said() };
    },
    beside: () => run('nats-agent', '--config', configFile),
    start: async () => {
      const { path } = await findTool('nats-server');
      const started = launch(path, ['-c', join(memory, 'nats.conf')]);
      server = started;
      const isUp = () => started.said().includes('Server is ready') || started.child.exitCode !== null;
      await until(isUp, 30_000);
      if (started.child.exitCode !== null) throw new Error(`nats-server ended: ${started.said()}`);
    },
    kill: async () => {
      if (server) await end(server.child);
    },
  };
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** As the control plane's user, with a certificate of an hour. */
export async function connectAsControl(
  planes: TwoPlanes,
): Promise<{ readonly control: NatsConnection; readonly stop: () => Promise<void> }> {
  const { config } = planes.replicas[0];
  const { dataDir, federation } = config;
  const kek = await readKekFile(join(planes.dir, 'kek'));
  const signer = await MeshCa.open({ dataDir, federation, clusterHost: 'localhost', kek, now: Date.now });
  const onFailure = (): void => {};
  const material = await ControlCertificate.start({ signer, federation, lifeMs: 3_600_000, now: Date.now, onFailure });
  const keys = await readNatsKeys(keyFiles(dataDir).natsKeys);
  const address = { urls: config.nats.url, tlsName: config.nats.tlsName, caFile: siteFiles(config).caFile, material };
  const nc = await dial(address, await controlUser(keys), 'control-test');
  return {
    control: nc,
    stop: async () => {
      material.stop();
      await nc.close();
    },
  };
}

export interface Enrolled {
  readonly keys: GatewayKeys;
  // biome-ignore lint/suspicious/noExplicitAny: `Identity` as it came
  readonly identity: any;
}
/** Registers at one replica and enrols at another. */
export async function enrol(name: string, at: Replica, by: Replica): Promise<Enrolled> {
  await at.ask('PUT', `/gateways/${name}`, { url: `https://${name}.example.com` });
  const { token } = (await at.ask('POST', `/gateways/${name}/enrolments`)).body;
  const keys = await makeGatewayKeys();
  const reply = await until(async () => {
    const { status, body } = await by.ask('POST', '/enroll', { ...(await renewBody(keys)), token });
    return status === 503 ? undefined : { status, body };
  }, 60_000);
  if (reply.status !== 200) throw new Error(`not enrolled: ${JSON.stringify(reply.body)}`);
  return { keys, identity: reply.body };
}
