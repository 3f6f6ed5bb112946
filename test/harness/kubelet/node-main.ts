/**
 * The nodes of one cluster, in namespaces of their own: kubelet, its network plug-in and kube-proxy in one program. It reads the
 * API by polling, runs the pods that the scheduler gives to its nodes, and writes their status. All nodes share one bridge.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { absent, KubeApi, type KubeObject, Refused } from '../../stand-ins/kubernetes/index.ts';
import type { ContainerImage } from './container.ts';
import { startDns } from './dns.ts';
import { tell } from './namespaced.ts';
import type { EndpointSlice, Pod, Service } from './objects.ts';
import { PodRun } from './pod.ts';
import { beat, registerNode } from './register-node.ts';
import { doorsOf, namesOf, ServiceProxy } from './services.ts';

/** What the program is started with, as a file. */
export interface NodeArgs {
  readonly server: string;
  readonly ca: string;
  readonly token: string;
  readonly nodes: readonly string[];
  readonly images: Readonly<Record<string, ContainerImage>>;
  readonly folder: string;
  /** Unix socket that leads to the API server. */
  readonly apiSocket: string;
  /** First three numbers of the pods' addresses. */
  readonly podNet: string;
  readonly hostIp: string;
}

export type Asked =
  | { readonly kind: 'plugged' }
  | { readonly kind: 'names'; readonly names: Readonly<Record<string, string>> }
  | {
      readonly kind: 'exec';
      readonly id: number;
      readonly pod: string;
      readonly container: string;
      readonly argv: readonly string[];
    }
  | {
      readonly kind: 'signal';
      readonly id: number;
      readonly pod: string;
      readonly container: string;
      readonly signal: NodeJS.Signals;
    };

const dnsAddress = '10.96.0.10';
const domain = 'cluster.local';
const bridge = 'pods0';
const roundMs = 200;
const refreshMs = 1_000;
const beatMs = 10_000;
const execMs = 30_000;
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });

class Nodes {
  readonly #args: NodeArgs;
  readonly #api: KubeApi;
  readonly #pods = new Map<string, PodRun>();
  readonly #ending = new Map<string, Promise<void>>();
  readonly #written = new Map<string, string>();
  readonly #addresses = new Set<string>();
  readonly #cache = new Map<string, { at: number; data: Promise<Readonly<Record<string, Buffer>> | undefined> }>();
  readonly #free: string[];
  readonly #taken = new Map<string, string>();
  readonly #proxy = new ServiceProxy((address) => this.#own(address));
  #links = 0;
  #extraNames: Readonly<Record<string, string>> = {};
  #names = new Map<string, string[]>();

  constructor(args: NodeArgs) {
    this.#args = args;
    this.#api = new KubeApi(args);
    this.#free = Array.from({ length: 240 }, (_, at) => `${args.podNet}.${at + 10}`);
  }

  async start(): Promise<void> {
    ip('link', 'add', bridge, 'type', 'bridge');
    ip('addr', 'add', `${this.#args.podNet}.1/24`, 'dev', bridge);
    ip('link', 'set', bridge, 'up');
    mkdirSync(join(this.#args.folder, 'memory'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'nosuid,nodev,mode=711', 'tmpfs', join(this.#args.folder, 'memory')]);
    await this.#leadToApi();
    this.#own(dnsAddress);
    await startDns(dnsAddress, (name) => this.#resolve(name));
    for (const [at, name] of this.#args.nodes.entries()) await registerNode(this.#api, name, at + 1, this.#args.hostIp);
    this.#loop('pods', roundMs, () => this.#syncPods());
    this.#loop('services', roundMs, () => this.#syncServices());
    this.#loop('volumes', refreshMs, async () => {
      for (const run of this.#pods.values()) await run.refresh();
    });
    this.#loop('nodes', beatMs, () => beat(this.#api, this.#args.nodes));
  }

  setNames(names: Readonly<Record<string, string>>): void {
    this.#extraNames = names;
  }

  find(pod: string, container: string) {
    return [...this.#pods.values()]
      .find((one) => `${one.pod.metadata.namespace}/${one.pod.metadata.name}` === pod)
      ?.find(container);
  }

  #loop(what: string, ms: number, round: () => Promise<void>): void {
    const run = async () => {
      for (;;) {
        await round().catch((error: Error) => console.error(`${what}: ${error.message}`));
        await delay(ms);
      }
    };
    void run();
  }

  /** The server's own address, which is the loopback of whoever made the cluster, works here too. */
  #leadToApi(): Promise<void> {
    const { hostname, port } = new URL(this.#args.server);
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const api = createConnection({ path: this.#args.apiSocket, allowHalfOpen: true });
      client.on('error', () => api.destroy()).on('close', () => api.destroy());
      api.on('error', () => client.destroy()).on('close', () => client.destroy());
      client.pipe(api).pipe(client);
    });
    return new Promise((resolve) => server.listen(Number(port), hostname, resolve));
  }

  #own(address: string): void {
    if (this.#addresses.has(address)) return;
    this.#addresses.add(address);
    ip('addr', 'add', `${address}/32`, 'dev', 'lo');
  }

  #resolve(name: string): readonly string[] | undefined {
    const extra = this.#extraNames[name];
    return extra === undefined ? this.#names.get(name) : [extra];
  }

  async #syncServices(): Promise<void> {
    const services = await this.#api.list<Service>('/api/v1/services');
    const slices = await this.#api.list<EndpointSlice>('/apis/discovery.k8s.io/v1/endpointslices');
    this.#names = namesOf(services, slices, domain);
    const doors = new Map(doorsOf(services, slices));
    const own = services.find(({ metadata }) => metadata.namespace === 'default' && metadata.name === 'kubernetes');
    const { hostname, port } = new URL(this.#args.server);
    if (own) doors.set(`${own.spec.clusterIP} 443`, [{ host: hostname, port: Number(port) }]);
    this.#proxy.update(doors);
  }

  async #syncPods(): Promise<void> {
    const all = await this.#api.list<Pod>('/api/v1/pods');
    const mine = all.filter(({ spec }) => spec.nodeName !== undefined && this.#args.nodes.includes(spec.nodeName));
    const there = new Map(mine.map((pod) => [pod.metadata.uid, pod]));
    for (const pod of mine) this.#judge(pod);
    for (const [uid, run] of this.#pods) if (!there.has(uid)) this.#end(run, 0);
    for (const [uid, run] of this.#pods) if (there.has(uid)) await this.#write(run);
  }

  #judge(pod: Pod): void {
    const { uid, deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
    const run = this.#pods.get(uid);
    if (deletionTimestamp !== undefined && run) this.#end(run, Number(deletionGracePeriodSeconds ?? 30) * 1_000);
    else if (deletionTimestamp !== undefined) void this.#remove(pod).catch(() => {});
    else if (!run && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed') this.#begin(pod);
  }

  #begin(pod: Pod): void {
    const { folder, images, podNet, hostIp } = this.#args;
    const address = this.#free.shift();
    if (address === undefined) throw new Error('no address is left for a pod');
    this.#taken.set(pod.metadata.uid, address);
    this.#links += 1;
    const run = new PodRun({
      ...{
        pod,
        api: this.#api,
        images,
        ip: address,
        gateway: `${podNet}.1`,
        hostIp,
        bridge,
        dns: dnsAddress,
        domain,
        folder,
      },
      read: (kind, name) => this.#read(`/api/v1/namespaces/${pod.metadata.namespace}/${kind}/${name}`),
      link: `p${this.#links}`,
      env: {
        KUBERNETES_SERVICE_HOST: '10.96.0.1',
        KUBERNETES_SERVICE_PORT: '443',
        KUBERNETES_SERVICE_PORT_HTTPS: '443',
      },
      memory: join(folder, 'memory'),
    });
    this.#pods.set(pod.metadata.uid, run);
    run.start();
  }

  /** Once asked, a pod ends; asked again it goes on ending. */
  #end(run: PodRun, graceMs: number): void {
    const { uid } = run.pod.metadata;
    if (this.#ending.has(uid)) return;
    const end = async () => {
      await run.stop(graceMs);
      await this.#write(run).catch(() => {});
      await this.#remove(run.pod).catch((error: Error) =>
        console.error(`pod ${run.pod.metadata.name}: ${error.message}`),
      );
      this.#pods.delete(uid);
      this.#ending.delete(uid);
      this.#written.delete(uid);
      const address = this.#taken.get(uid);
      if (address) this.#free.push(address);
      this.#taken.delete(uid);
    };
    this.#ending.set(
      uid,
      end().catch((error: Error) => console.error(`pod ${run.pod.metadata.name}: ${error.stack}`)),
    );
  }

  async #remove({ metadata: { namespace, name, uid } }: Pod): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid } };
    const gone = (error: unknown) => {
      if (!(error instanceof Refused && error.status.code === 409)) absent(error);
    };
    await this.#api.ask('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, { body }).catch(gone);
  }

  async #write(run: PodRun): Promise<void> {
    const { namespace, name, uid } = run.pod.metadata;
    const status = run.status();
    const text = JSON.stringify(status);
    if (this.#written.get(uid) === text) return;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
    const body = { metadata: { uid }, status };
    await this.#api.ask('PATCH', path, { body, contentType: 'application/merge-patch+json' }).catch(absent);
    this.#written.set(uid, text);
  }

  #read(path: string): Promise<Readonly<Record<string, Buffer>> | undefined> {
    const kept = this.#cache.get(path);
    if (kept && Date.now() - kept.at < roundMs) return kept.data;
    const data = this.#api.find<KubeObject>(path).then((found) => found && dataOf(found));
    this.#cache.set(path, { at: Date.now(), data });
    return data;
  }
}

/** A Secret's values are base64, a ConfigMap's text, its `binaryData` base64. */
function dataOf(found: KubeObject): Record<string, Buffer> {
  const of = (name: string) => Object.entries((found[name] ?? {}) as Record<string, string>);
  const isSecret = found.kind === 'Secret';
  const plain = of('data').map(([key, value]) => [key, Buffer.from(value, isSecret ? 'base64' : 'utf8')]);
  const binary = of('binaryData').map(([key, value]) => [key, Buffer.from(value, 'base64')]);
  return Object.fromEntries([...plain, ...binary]);
}

/** The arguments' file is there when the node has been plugged in. */
function main(argsFile: string): void {
  let nodes: Nodes | undefined;
  let names: Readonly<Record<string, string>> = {};
  process.on('message', (asked: Asked) => {
    if (asked.kind === 'names') names = asked.names;
    if (asked.kind === 'plugged') {
      nodes = new Nodes(JSON.parse(readFileSync(argsFile, 'utf8')) as NodeArgs);
      nodes.start().then(() => tell({ kind: 'started' }), fail);
    }
    nodes?.setNames(names);
    if (asked.kind === 'exec' || asked.kind === 'signal') void answer(nodes, asked);
  });
  ip('link', 'set', 'lo', 'up');
  execFileSync('sh', ['-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  tell({ kind: 'up' });
}

async function answer(nodes: Nodes | undefined, asked: Asked & { kind: 'exec' | 'signal' }): Promise<void> {
  const run = nodes?.find(asked.pod, asked.container);
  const none = { code: 126, output: `no container ${asked.container} in ${asked.pod}` };
  if (asked.kind === 'signal') run?.signal(asked.signal);
  const done = asked.kind === 'exec' ? ((await run?.execute(asked.argv, execMs)) ?? none) : { code: 0, output: '' };
  tell({ kind: 'done', id: asked.id, ...done });
}

function fail(error: Error): never {
  console.error(error.stack);
  process.exit(1);
}

main(process.argv[2] ?? '');
