/**
 * Runs what Kubernetes manifests describe: the pods that a real API server has scheduled become real processes, from unpacked
 * images, each pod in namespaces of its own. Needs Linux and root. Unlike a real node: pods see the node's address in place of a
 * client's, restarts pause 0.25 to 8 s, no NetworkPolicy and no resource limit holds, no gRPC probe and no UDP but the resolver's.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Image } from '../../tools/images/index.ts';
import type { Cluster } from '../stand-ins/kubernetes/index.ts';
import type { ContainerImage } from './kubelet/container.ts';
import { type Namespaced, startNamespaced } from './kubelet/namespaced.ts';
import { type Network, startNetwork } from './kubelet/network.ts';
import type { NodeArgs } from './kubelet/node-main.ts';

export { type Network, startNetwork } from './kubelet/network.ts';

export interface KubeletArgs {
  /** Made with `nodes: 'none'`. */
  readonly cluster: Pick<Cluster, 'name' | 'server' | 'caFile' | 'token'>;
  /** By the reference that manifests name. `byReference(images)` makes it. */
  readonly images: Readonly<Record<string, ContainerImage>>;
  /** Shared by clusters that are to reach each other. Default: one of its own. */
  readonly network?: Network;
  /** How many Node objects, a zone each. Default 3. */
  readonly nodes?: number;
}

export interface Kubelet extends AsyncDisposable {
  readonly network: Network;
  /** Logs of the harness and of pods; removed by `stop`. */
  readonly folder: string;
  /** All that a container has printed, in all its lives. */
  logs(namespace: string, pod: string, container: string): string;
  /** Runs a program of the image in a container, as its user. */
  exec(namespace: string, pod: string, container: string, argv: readonly string[]): Promise<Executed>;
  /** Sends a signal to the first process of a container. */
  signal(namespace: string, pod: string, container: string, signal: NodeJS.Signals): Promise<void>;
  /** Ends every process of the nodes at once, as a power cut does, and removes the folder. */
  stop(): Promise<void>;
}

export interface Executed {
  /** 126: it could not be run. */
  readonly code: number;
  readonly output: string;
}

export function byReference(images: Readonly<Record<string, Image>>): Record<string, ContainerImage> {
  return Object.fromEntries(
    Object.values(images).map(({ reference, rootfs, config }) => [reference, { rootfs, config }]),
  );
}

const programs = ['ip', 'nsenter', 'unshare', 'setpriv', 'mount', 'perl'];

/** Why it cannot run here, or undefined. */
export function whyNoKubelet(): string | undefined {
  if (process.platform !== 'linux') return 'namespaces are of Linux';
  if (process.getuid?.() !== 0) return 'namespaces and mounts need root';
  const folders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const lacking = programs.filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
  if (lacking.length > 0)
    return `${lacking.join(', ')} missing. On Debian: apt-get install iproute2 util-linux mount perl-base`;
  const { status, stderr } = spawnSync('unshare', ['--net', '--mount', '--pid', '--fork', 'true'], {
    encoding: 'utf8',
  });
  return status === 0 ? undefined : `no namespaces: ${stderr.trim()}`;
}

export async function startKubelet({ cluster, images, network: given, nodes = 3 }: KubeletArgs): Promise<Kubelet> {
  const network = given ?? (await startNetwork());
  const folder = mkdtempSync(join(tmpdir(), 'portolan-node-'));
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })];
  if (given === undefined) closing.unshift(() => network.stop());
  const stop = async () => {
    for (const close of closing.splice(0)) await close();
  };
  try {
    const apiSocket = join(folder, 'api.sock');
    const door = await leadToApi(cluster.server, apiSocket);
    closing.unshift(() => door.close());
    const argsFile = join(folder, 'node.json');
    const node = await startNamespaced({ program: 'node-main.ts', args: [argsFile], folder, log: 'node.log' });
    closing.unshift(() => node.stop());
    const args: NodeArgs = {
      ...{
        server: cluster.server,
        ca: readFileSync(cluster.caFile, 'utf8'),
        token: cluster.token,
        images,
        folder,
        apiSocket,
      },
      nodes: Array.from({ length: nodes }, (_, at) => `${cluster.name}-${at + 1}`),
      ...network.plug(node),
    };
    writeFileSync(argsFile, JSON.stringify(args), { mode: 0o600 });
    const started = node.next<{ kind: string }>(({ kind }) => kind === 'started');
    node.send({ kind: 'plugged' });
    await started;
    return { ...doorOf(node, folder), network, folder, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function doorOf(node: Namespaced, folder: string): Pick<Kubelet, 'logs' | 'exec' | 'signal'> {
  let last = 0;
  const ask = async (message: object): Promise<Executed> => {
    last += 1;
    const id = last;
    const done = node.next<Executed & { kind: string; id?: number }>((one) => one.kind === 'done' && one.id === id);
    node.send({ ...message, id });
    const { code, output } = await done;
    return { code, output };
  };
  return {
    logs: (namespace, pod, container) =>
      readFileSync(join(folder, 'logs', `${namespace}_${pod}`, `${container}.log`), 'utf8'),
    exec: (namespace, pod, container, argv) => ask({ kind: 'exec', pod: `${namespace}/${pod}`, container, argv }),
    signal: async (namespace, pod, container, signal) => {
      await ask({ kind: 'signal', pod: `${namespace}/${pod}`, container, signal });
    },
  };
}

/** The API server listens on this machine's loopback, which no namespace of ours has. */
async function leadToApi(server: string, socket: string): Promise<Server> {
  const { hostname, port } = new URL(server);
  const door = createServer({ allowHalfOpen: true }, (client) => {
    const api = createConnection({ host: hostname, port: Number(port), allowHalfOpen: true });
    client.on('error', () => api.destroy()).on('close', () => api.destroy());
    api.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.pipe(api).pipe(client);
  });
  await new Promise<void>((resolve) => door.listen(socket, resolve));
  return door;
}
