/**
 * Two replicas of one gateway, processes as they are run, behind a balancer of connections (layer 4) that takes a replica out when its /readyz fails and
 * knows nothing of requests. Clients keep their connections and retry nothing; calls of 4 s stand for long ones, with a drain as much shorter.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeToken, secretDigest, tokenText } from '@portolan/core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { StandInControlPlane } from '../../gateway/adapters/stand-in/control-plane.ts';
import { freePort } from '../../gateway/adapters/stand-in/free-port.ts';
import { answerEcho, type Script, Upstream } from '../../gateway/test/upstream.ts';
import { Wire } from '../../gateway/test/wire.ts';
import { eventually } from '../harness/federation.ts';
import { SteadyLoad } from './steady-load.ts';

const main = new URL('../../gateway/main.ts', import.meta.url).pathname;
const LONG_CALL_MS = 4_000;
const CHECK_MS = 50;
const limits = { drainDelayMs: 500, drainTimeoutMs: 15_000 };
const token = makeToken('pat');

/** One replica: its files, its ports, its process. */
class Replica {
  readonly name: string;
  ports = { tls: 0, health: 0, metrics: 0 };
  /** The balancer sends it connections. */
  inService = false;
  /** Taken out for good: a check that is under way must not put it back. */
  #out = false;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(name: string) {
    this.name = name;
  }

  async start(folder: string, gateway: object): Promise<void> {
    this.ports = { tls: await freePort(), health: await freePort(), metrics: await freePort() };
    const listen = Object.fromEntries(Object.entries(this.ports).map(([name, port]) => [name, `127.0.0.1:${port}`]));
    const file = join(folder, `${this.name}.yaml`);
    const own = { dataDir: this.name, enrolmentFile: `${this.name}.enrolment.json`, listen };
    await writeFile(file, stringify({ gateway: { ...gateway, ...own } }));
    const child = spawn(process.execPath, [main, '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (this.#output += data));
    this.#child = child;
    this.#out = false;
    await eventually(`${this.name} is ready`, async () => (this.inService ? true : undefined), 60_000);
  }

  async check(): Promise<void> {
    const url = `http://127.0.0.1:${this.ports.health}/readyz`;
    const ready = await fetch(url).then(({ status }) => status === 200, () => false); // biome-ignore format: one line
    this.inService = ready && !this.#out;
  }

  takeOut(): void {
    this.#out = true;
    this.inService = false;
  }

  get runs(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Answers its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = await exited;
    return code;
  }

  get output(): string {
    return this.#output;
  }
}

let folder: string;
let plane: StandInControlPlane;
let upstream: Upstream;
let balancer: Wire;
let checks: NodeJS.Timeout;
let gateway: object;
const replicas = [new Replica('one'), new Replica('two')];
/** The client's port of each connection → the replica that has it. */
const taken = new Map<number | undefined, Replica>();

const events = { 'content-type': 'text/event-stream' };
const tools: Readonly<Record<string, Script>> = {
  quick: answerEcho,
  long: ({ body }, response) => {
    const { id } = JSON.parse(body);
    const say = (message: object): string =>
      `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;
    response
      .writeHead(200, events)
      .write(say({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }));
    setTimeout(() => response.end(say({ id, result: { content: [] } })), LONG_CALL_MS);
  },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rolling-'));
  upstream = await Upstream.start((seen, response) => {
    if (seen.method === 'GET') return void response.writeHead(200, events).flushHeaders();
    const tool = tools[JSON.parse(seen.body || '{}').params?.name];
    if (tool) tool(seen, response);
    else response.writeHead(404).end(); // a probe
  });
  balancer = await Wire.start((client) => {
    const able = replicas.filter(({ inService }) => inService);
    const one = able[Math.floor(Math.random() * able.length)];
    if (one) taken.set(client.remotePort, one);
    return one?.ports.tls ?? 1;
  });
  checks = setInterval(() => void Promise.all(replicas.map((replica) => replica.check())), CHECK_MS);
  plane = await StandInControlPlane.prepare(folder);
  await plane.start();
  const url = `https://localhost:${balancer.port}`;
  const leaf = await plane.site.leaf([{ type: 'dns', value: 'localhost' }]);
  await writeFile(join(folder, 'tls.crt'), leaf.chain);
  await writeFile(join(folder, 'tls.key'), leaf.key);
  const principal = { kind: 'user' as const, name: 'alice' };
  const tables = {
    peers: [],
    servers: [{ name: 'near', gateway: 'aws', proxyUrl: url, url: upstream.url }],
    grants: [
      {
        id: 'g',
        effect: 'allow' as const,
        principal,
        server: 'near',
        everything: true,
        tools: [],
        prompts: [],
        resources: [],
      },
    ],
    tokens: [
      {
        id: token.id,
        kind: 'pat' as const,
        principal,
        secretSha256: secretDigest(token.secret).toString('base64url'),
        proofSha256: secretDigest('nobody').toString('base64url'),
        expiresAt: Date.now() + 3_600_000,
      },
    ],
  };
  plane.bend = async (identity) => ({ ...identity, snapshot: await plane.sign({ url, tables }) });
  gateway = {
    url,
    controlPlane: { url: plane.url, natsUrl: plane.nats.url, caFile: 'site.crt' },
    certificate: { certFile: 'tls.crt', keyFile: 'tls.key' },
    upstreamCidrs: [{ cidr: '127.0.0.0/8', ports: [upstream.port] }],
    limits,
  };
  for (const replica of replicas) {
    await writeFile(join(folder, `${replica.name}.enrolment.json`), JSON.stringify(await plane.enrolment()));
    await replica.start(folder, gateway);
  }
});
beforeEach(async () => {
  for (const replica of replicas) if (!replica.runs) await replica.start(folder, gateway); // a test that is tried again
});
afterAll(async () => {
  clearInterval(checks);
  for (const replica of replicas) await replica.end('SIGKILL');
  await balancer?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
  await plane?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function beginLoad(): Promise<SteadyLoad> {
  const ca = await readFile(join(folder, 'site.crt'), 'utf8');
  const load = new SteadyLoad({ url: `https://localhost:${balancer.port}/mcp/near`, ca, token: tokenText(token) });
  load.call('quick', 6);
  load.call('long', 6);
  load.call('long', 6, false); // whoever keeps his connection would never come back to a replica that was restarted
  load.listen(6);
  await busy(load);
  return load;
}
/** Both replicas have calls and streams. */
const busy = (load: SteadyLoad) =>
  eventually('both replicas have long calls under way', async () => {
    const has = (replica: Replica): boolean =>
      load.open.some(({ port, what }) => what === 'long' && taken.get(port) === replica);
    return replicas.every(has) ? true : undefined;
  });
const shown = (load: SteadyLoad) =>
  load.failures.map(({ failure, port, what }) => `${what} at ${taken.get(port)?.name}: ${failure}`);

test('SIGTERM, one replica after the other, under load, with streams and long calls: no call fails, no stream breaks off', async () => {
  const load = await beginLoad();
  for (const replica of [...replicas, ...replicas]) {
    await busy(load);
    const under = load.open.filter(({ port, what }) => what === 'long' && taken.get(port) === replica);
    expect(await replica.end('SIGTERM')).toBe(0);
    expect(under.every(({ endedAt }) => endedAt !== undefined)).toBe(true);
    await replica.start(folder, gateway);
  }
  await load.stop();
  expect(shown(load)).toEqual([]);
  const calls = load.exchanges.filter(({ what }) => what !== 'GET').length;
  expect(calls).toBeGreaterThan(100);
  // each has been made once; a gateway's own probes of the server are no calls
  expect(upstream.seen.filter(({ body }) => body.includes('"tools/call"'))).toHaveLength(calls);
}, 180_000);

test('kill -9 under load: the calls of that process fail, and no others', async () => {
  const load = await beginLoad();
  const victim = replicas[1] as Replica;
  victim.takeOut(); // how soon a balancer notices is its own affair
  const under = new Set(load.open.filter(({ port }) => taken.get(port) === victim));
  await victim.end('SIGKILL');
  const killedAt = performance.now();
  await eventually('calls after the kill', async () => {
    const later = load.exchanges.filter(({ endedAt, startedAt }) => startedAt > killedAt && endedAt !== undefined);
    return later.length > 100 ? true : undefined;
  });
  await load.stop();
  expect(load.failures.length).toBeGreaterThan(0);
  const others = load.failures.filter(
    (exchange) => taken.get(exchange.port) !== victim || exchange.startedAt > killedAt,
  );
  expect(others).toEqual([]);
  expect([...under].filter(({ failure, what }) => failure === undefined && what === 'long')).toEqual([]);
}, 120_000);
