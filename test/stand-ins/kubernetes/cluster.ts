/**
 * A real Kubernetes API without containers: etcd, kube-apiserver, controller-manager, scheduler, and kwok, which plays the
 * kubelet. Everything of it lies in one temporary folder and listens on free ports of loopback. Invariant: when `stop` has
 * returned, or `startCluster` has thrown, no process and no file of it is left.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeApi, type KubeObject } from './api.ts';
import { type Credentials, kubeconfigOf, makeCredentials, secret } from './credentials.ts';
import { guard, type Part, startPart, untilTrue } from './part.ts';
import { type ClusterPrograms, findClusterPrograms } from './programs.ts';
import { type SiteArgs, type SiteStandIn, startSite } from './site.ts';
import { stages } from './stages.ts';

export interface ClusterArgs {
  /** Name in the kubeconfig and of its nodes: `<name>-1`, … */
  readonly name: string;
  /** `kwok` (default): nodes that are ready and pods that run at once. `none`: no node, whoever plays the kubelet makes its own. */
  readonly nodes?: 'kwok' | 'none';
  /** How many nodes kwok has. Default 2. */
  readonly nodeCount?: number;
  /** What the platform does: volumes, load balancers, extensions. Default: StorageClass `standard` and any load balancer. */
  readonly site?: SiteArgs;
}

export interface Cluster extends AsyncDisposable {
  readonly name: string;
  /** Path of a kubeconfig of user `admin` (system:masters). */
  readonly kubeconfig: string;
  /** `https://127.0.0.1:<port>` */
  readonly server: string;
  /** PEM file that `server` is verified by. */
  readonly caFile: string;
  /** Bearer token of user `admin`. */
  readonly token: string;
  /** `iss` of service-account tokens; same as `server`. */
  readonly issuer: string;
  /** Keys of that issuer, and where everyone may read them (verified by `caFile`), as hosted clusters publish theirs. */
  readonly jwks: { readonly url: string; readonly keys: readonly Record<string, unknown>[] };
  readonly api: KubeApi;
  readonly site: SiteStandIn;
  /** Logs of the parts: `<folder>/<part>.log`. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** Takes seconds. Throws an Error with the end of the log of the part that died, or when a program cannot be had. */
export async function startCluster(args: ClusterArgs): Promise<Cluster> {
  const programs = findClusterPrograms();
  if (programs === undefined)
    throw new Error('The programs of a test cluster are not here. Run `npm test` once: it gets or builds them.');
  const folder = mkdtempSync(join(tmpdir(), 'portolan-cluster-'));
  const parts: Part[] = [];
  const closing: (() => Promise<void>)[] = [];
  const endGuard = guard(folder);
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
    // etcd last: whoever still writes would fill its log with errors
    for (const part of parts.splice(0).reverse()) await part.stop();
    endGuard();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    return await start(args, { programs, folder, parts, closing, stop });
  } catch (error) {
    await stop();
    throw new Error(`Cluster ${args.name} did not start: ${(error as Error).message}`, { cause: error });
  }
}

interface Making {
  readonly programs: ClusterPrograms;
  readonly folder: string;
  /** In order of start. */
  readonly parts: Part[];
  readonly closing: (() => Promise<void>)[];
  readonly stop: () => Promise<void>;
}

async function start(args: ClusterArgs, making: Making): Promise<Cluster> {
  const { folder, parts, closing, stop } = making;
  const credentials = makeCredentials(folder);
  const [etcdPort, peerPort, apiPort] = await freePorts(3);
  const server = `https://127.0.0.1:${apiPort}`;
  startEtcd(making, etcdPort, peerPort);
  startApiServer(making, { credentials, etcdPort, apiPort, server });
  const caFile = join(folder, 'certificates', 'apiserver.crt');
  await untilTrue('the certificate of kube-apiserver', parts, async () => readFileSync(caFile).length > 0);
  const ca = readFileSync(caFile, 'utf8');
  const api = new KubeApi({ server, ca, token: credentials.token });
  closing.push(() => api[Symbol.asyncDispose]());
  await untilTrue('kube-apiserver', parts, async () => (await api.ask<string>('GET', '/readyz')) === 'ok');
  const kubeconfig = secret(folder, 'kubeconfig', kubeconfigOf(args.name, server, ca, credentials.token));
  startControllers(making, kubeconfig, credentials, caFile);
  if (args.nodes !== 'none') await startNodes(making, api, kubeconfig, args);
  await publishIssuer(api);
  const site = await startSite(api, args.site ?? {});
  closing.push(() => site.stop());
  // whoever makes a pod needs these two, and the controller-manager makes them
  await untilTrue('the controller-manager', parts, async () => {
    const found = ['serviceaccounts/default', 'configmaps/kube-root-ca.crt'].map((path) =>
      api.find(`/api/v1/namespaces/default/${path}`),
    );
    return (await Promise.all(found)).every((one) => one !== undefined);
  });
  if (args.nodes !== 'none') await untilTrue('nodes', parts, () => nodesReady(api));
  const jwks = await api.ask<{ keys: Record<string, unknown>[] }>('GET', '/openid/v1/jwks');
  return {
    ...{
      name: args.name,
      kubeconfig,
      server,
      caFile,
      token: credentials.token,
      issuer: server,
      api,
      site,
      folder,
      stop,
    },
    jwks: { url: `${server}/openid/v1/jwks`, keys: jwks.keys },
    [Symbol.asyncDispose]: stop,
  };
}

function startEtcd({ programs, folder, parts }: Making, clientPort: number, peerPort: number): void {
  const [client, peer] = [clientPort, peerPort].map((port) => `http://127.0.0.1:${port}`) as [string, string];
  const args = [
    ...['--data-dir', join(folder, 'etcd'), '--name', 'etcd', '--unsafe-no-fsync', '--log-level', 'warn'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `etcd=${peer}`],
  ];
  parts.push(startPart({ name: 'etcd', program: programs.etcd, args, logFile: join(folder, 'etcd.log'), cwd: folder }));
}

interface ApiServerArgs {
  readonly credentials: Credentials;
  readonly etcdPort: number;
  readonly apiPort: number;
  readonly server: string;
}

function startApiServer({ programs, folder, parts }: Making, own: ApiServerArgs): void {
  const certificates = join(folder, 'certificates');
  mkdirSync(certificates, { mode: 0o700 });
  const { credentials } = own;
  const args = [
    `--etcd-servers=http://127.0.0.1:${own.etcdPort}`,
    ...['--bind-address=127.0.0.1', '--advertise-address=127.0.0.1', `--secure-port=${own.apiPort}`],
    // its own address is loopback, which no Endpoints may hold
    '--endpoint-reconciler-type=none',
    `--cert-dir=${certificates}`,
    `--token-auth-file=${credentials.tokenFile}`,
    '--authorization-mode=RBAC',
    ...[`--service-account-issuer=${own.server}`, `--service-account-jwks-uri=${own.server}/openid/v1/jwks`],
    `--service-account-key-file=${credentials.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${credentials.serviceAccountKey}`,
    '--service-cluster-ip-range=10.96.0.0/16',
  ];
  const logFile = join(folder, 'kube-apiserver.log');
  parts.push(startPart({ name: 'kube-apiserver', program: programs['kube-apiserver'], args, logFile, cwd: folder }));
}

function startControllers(making: Making, kubeconfig: string, credentials: Credentials, caFile: string): void {
  const { programs, folder, parts } = making;
  const shared = [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0'];
  const own = [`--service-account-private-key-file=${credentials.serviceAccountKey}`, `--root-ca-file=${caFile}`];
  const named = { 'kube-controller-manager': [...shared, ...own], 'kube-scheduler': shared } as const;
  for (const name of ['kube-controller-manager', 'kube-scheduler'] as const) {
    const logFile = join(folder, `${name}.log`);
    parts.push(startPart({ name, program: programs[name], args: named[name], logFile, cwd: folder }));
  }
}

async function startNodes(making: Making, api: KubeApi, kubeconfig: string, args: ClusterArgs): Promise<void> {
  const { programs, folder, parts } = making;
  const config = join(folder, 'kwok.yaml');
  writeFileSync(config, stages.map((stage) => JSON.stringify(stage)).join('\n---\n'));
  const flags = [
    `--kubeconfig=${kubeconfig}`,
    `--config=${config}`,
    '--manage-all-nodes=true',
    '--node-lease-duration-seconds=40',
  ];
  parts.push(
    startPart({ name: 'kwok', program: programs.kwok, args: flags, logFile: join(folder, 'kwok.log'), cwd: folder }),
  );
  for (let at = 1; at <= (args.nodeCount ?? 2); at += 1) {
    const name = `${args.name}-${at}`;
    const labels = {
      'kubernetes.io/hostname': name,
      'topology.kubernetes.io/zone': `zone-${at}`,
      'kubernetes.io/os': 'linux',
    };
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      spec: { providerID: `stand-in://${randomUUID()}` },
    };
    await api.ask('POST', '/api/v1/nodes', { body: node });
  }
}

async function nodesReady(api: KubeApi): Promise<boolean> {
  const nodes = await api.list<KubeObject & { status?: { conditions?: { type: string; status: string }[] } }>(
    '/api/v1/nodes',
  );
  return nodes.every(({ status }) =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  );
}

/** Discovery and keys of the issuer are readable without a token, as EKS, AKS and GKE publish theirs. */
async function publishIssuer(api: KubeApi): Promise<void> {
  const group = 'rbac.authorization.k8s.io';
  const body = {
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'issuer-for-everyone' },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'system:service-account-issuer-discovery' },
    subjects: [{ apiGroup: group, kind: 'Group', name: 'system:unauthenticated' }],
  };
  await api.ask('POST', `/apis/${group}/v1/clusterrolebindings`, { body });
}

async function freePorts(count: number): Promise<[number, number, number]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (one) =>
        new Promise<number>((resolve) => {
          one.listen(0, '127.0.0.1', () => resolve((one.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((one) => new Promise((resolve) => one.close(resolve))));
  return ports as [number, number, number];
}
