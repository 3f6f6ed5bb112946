/** Two clusters on one network, with programs that are not ours: PostgreSQL on a claim, nats-server by peers' names, the API from within. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Cluster, findClusterPrograms, type KubeObject, startCluster } from '../stand-ins/kubernetes/index.ts';
import { imagesForTests } from './images.ts';
import { byReference, type Kubelet, type Network, startKubelet, startNetwork, whyNoKubelet } from './kubelet.ts';

const { images, missing } = await imagesForTests('gateway', 'nats-server', 'postgres');
const why = missing ?? whyNoKubelet() ?? (findClusterPrograms() ? undefined : 'no programs of a test cluster');
if (why !== undefined) process.stderr.write(`\n*** SKIPPED: the kubelet harness with two clusters. ${why}\n\n`);

const namespace = 'harness';
const node = '/usr/local/bin/node';
const wait = { timeout: 120_000, interval: 200 };
const security = {
  runAsNonRoot: true,
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
};
const podSecurity = { runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532 };

describe.skipIf(why !== undefined)('clusters', () => {
  let network: Network;
  let [east, west]: Cluster[] = [];
  let [inEast, inWest]: Kubelet[] = [];

  const make = (cluster: Cluster | undefined, path: string, body: object) =>
    (cluster as Cluster).api.ask('POST', `${path.replace('NS', `namespaces/${namespace}`)}`, { body });
  const status = async <T>(cluster: Cluster | undefined, path: string) =>
    (await (cluster as Cluster).api.ask(`GET`, path.replace('NS', `namespaces/${namespace}`))).status as T;
  const run = async (kubelet: Kubelet | undefined, pod: string, script: string) =>
    (await (kubelet as Kubelet).exec(namespace, pod, 'main', [node, '-e', script])).output;
  const shell = (name: string, more: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      securityContext: podSecurity,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: images?.gateway.reference,
          command: [node, '-e', 'setInterval(() => {}, 1e6)'],
          securityContext: security,
        },
      ],
      ...more,
    },
  });
  const isReady = async (cluster: Cluster | undefined, pod: string) =>
    vi.waitFor(async () => {
      const { conditions } = await status<{ conditions: { type: string; status: string }[] }>(
        cluster,
        `/api/v1/NS/pods/${pod}`,
      );
      expect(conditions.find(({ type }) => type === 'Ready')?.status).toBe('True');
    }, wait);

  beforeAll(async () => {
    network = await startNetwork();
    const pool = (first: number) => ({
      site: { loadBalancers: { pool: [`203.0.113.${first}`, `203.0.113.${first + 1}`] } },
    });
    [east, west] = await Promise.all([
      startCluster({ name: 'east', nodes: 'none', ...pool(10) }),
      startCluster({ name: 'west', nodes: 'none', ...pool(30) }),
    ]);
    const known = byReference(images ?? {});
    inEast = await startKubelet({ cluster: east as Cluster, images: known, network });
    inWest = await startKubelet({ cluster: west as Cluster, images: known, network });
    for (const cluster of [east, west]) {
      await make(cluster, '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      await vi.waitFor(
        () => (cluster as Cluster).api.ask('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`),
        wait,
      );
    }
  }, 300_000);

  afterAll(async () => {
    await Promise.all([inEast?.stop(), inWest?.stop()]);
    await Promise.all([east?.stop(), west?.stop()]);
    await network?.stop();
  }, 120_000);

  test('PostgreSQL of a StatefulSet keeps what it has, on a claim, when its pod is replaced', async () => {
    await make(east, '/api/v1/NS/secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'database', namespace },
      stringData: { password: 'a-b_c' },
    });
    const labels = { app: 'postgres' };
    await make(east, '/api/v1/NS/services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'postgres', namespace },
      spec: { clusterIP: 'None', selector: labels, ports: [{ port: 5432 }] },
    });
    const container = {
      name: 'main',
      image: images?.postgres.reference,
      securityContext: security,
      env: [
        { name: 'POSTGRES_USER', value: 'portolan' },
        { name: 'POSTGRES_PASSWORD_FILE', value: '/etc/portolan/database/password' },
        { name: 'PGDATA', value: '/var/lib/postgresql/data/pg' },
      ],
      readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1 },
      volumeMounts: [
        { name: 'data', mountPath: '/var/lib/postgresql/data' },
        { name: 'tmp', mountPath: '/tmp' },
        { name: 'password', mountPath: '/etc/portolan/database', readOnly: true },
      ],
    };
    const volumes = [
      { name: 'tmp', emptyDir: {} },
      { name: 'password', secret: { secretName: 'database', defaultMode: 0o440 } },
    ];
    const claim = {
      metadata: { name: 'data' },
      spec: {
        storageClassName: 'standard',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
      },
    };
    const template = {
      metadata: { labels },
      spec: { securityContext: podSecurity, terminationGracePeriodSeconds: 20, containers: [container], volumes },
    };
    const spec = {
      serviceName: 'postgres',
      selector: { matchLabels: labels },
      template,
      volumeClaimTemplates: [claim],
    };
    await make(east, '/apis/apps/v1/NS/statefulsets', {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'postgres', namespace },
      spec,
    });
    await vi.waitFor(
      async () =>
        expect(await status(east, '/apis/apps/v1/NS/statefulsets/postgres')).toMatchObject({ readyReplicas: 1 }),
      wait,
    );
    const made = () =>
      inEast?.logs(namespace, 'postgres-0', 'main').match(/performing post-bootstrap initialization/g)?.length ?? 0;
    expect(made()).toBe(1);
    const before = (await east?.api.find<KubeObject>(`/api/v1/namespaces/${namespace}/pods/postgres-0`))?.metadata.uid;
    await east?.api.ask('DELETE', `/api/v1/namespaces/${namespace}/pods/postgres-0`);
    await vi.waitFor(async () => {
      const now = await east?.api.find<KubeObject>(`/api/v1/namespaces/${namespace}/pods/postgres-0`);
      expect(now?.metadata.uid).not.toBe(before);
      expect(await status(east, '/apis/apps/v1/NS/statefulsets/postgres')).toMatchObject({ readyReplicas: 1 });
    }, wait);
    expect(inEast?.logs(namespace, 'postgres-0', 'main')).toContain('database system is shut down');
    expect(made(), 'the second life finds a cluster').toBe(1);
    await make(east, '/api/v1/NS/pods', shell('client'));
    await isReady(east, 'client');
    const look =
      "require('dns').lookup('postgres-0.postgres', (e, a) => { if (e) return console.log(e.code); require('net').connect(5432, a).on('connect', () => { console.log('connected'); process.exit() }).on('error', (x) => console.log(x.code)) })";
    await vi.waitFor(async () => expect(await run(inEast, 'client', look)).toBe('connected\n'), wait);
  }, 300_000);

  test('three nats-servers find each other by name, and a pod of the other cluster reaches them by the load balancer', async () => {
    const labels = { app: 'nats' };
    const routes = [0, 1, 2].map((at) => `nats://nats-${at}.nats.${namespace}.svc.cluster.local:6222`).join(', ');
    const conf = `server_name: $POD\nport: 4222\nmonitor_port: 8222\ncluster { name: test, port: 6222, routes: [${routes}] }\n`;
    await make(west, '/api/v1/NS/configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'nats', namespace },
      data: { 'nats.conf': conf },
    });
    const headless = {
      clusterIP: 'None',
      selector: labels,
      publishNotReadyAddresses: true,
      ports: [{ name: 'cluster', port: 6222 }],
    };
    await make(west, '/api/v1/NS/services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'nats', namespace },
      spec: headless,
    });
    const balanced = {
      type: 'LoadBalancer',
      selector: labels,
      ports: [
        { name: 'nats', port: 4222, targetPort: 'nats' },
        { name: 'monitor', port: 80, targetPort: 8222 },
      ],
    };
    await make(west, '/api/v1/NS/services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'nats-public', namespace },
      spec: balanced,
    });
    const container = {
      name: 'main',
      image: images?.['nats-server'].reference,
      args: ['-c', '/etc/nats/nats.conf'],
      securityContext: security,
      env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      ports: [{ name: 'nats', containerPort: 4222 }],
      readinessProbe: { httpGet: { path: '/healthz', port: 8222 }, periodSeconds: 1 },
      volumeMounts: [{ name: 'config', mountPath: '/etc/nats' }],
    };
    const spread = [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: labels },
      },
    ];
    const template = {
      metadata: { labels },
      spec: {
        securityContext: podSecurity,
        topologySpreadConstraints: spread,
        containers: [container],
        volumes: [{ name: 'config', configMap: { name: 'nats' } }],
      },
    };
    const spec = {
      serviceName: 'nats',
      replicas: 3,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: labels },
      template,
    };
    await make(west, '/apis/apps/v1/NS/statefulsets', {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'nats', namespace },
      spec,
    });
    await vi.waitFor(
      async () => expect(await status(west, '/apis/apps/v1/NS/statefulsets/nats')).toMatchObject({ readyReplicas: 3 }),
      wait,
    );
    network.name('nats.west.example', '203.0.113.30');
    await make(east, '/api/v1/NS/pods', shell('other'));
    await isReady(east, 'other');
    const routesOf =
      "fetch('http://nats.west.example/routez').then((a) => a.json()).then((j) => console.log(new Set(j.routes.map((r) => r.remote_name)).size), (e) => console.log(e.cause?.code))";
    await vi.waitFor(async () => expect(await run(inEast, 'other', routesOf)).toBe('2\n'), wait);
  }, 300_000);

  test('a pod asks the API with its account, and a server of the test by name', async () => {
    const rules = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'view' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
    };
    await make(west, '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', rules);
    const server = createServer((_, answer) => answer.end('of the test'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await network.expose({ address: '203.0.113.5', port: 80, to: (server.address() as AddressInfo).port });
    network.name('server.example', '203.0.113.5');
    await make(west, '/api/v1/NS/pods', shell('asker'));
    await isReady(west, 'asker');
    const here = '/var/run/secrets/kubernetes.io/serviceaccount';
    const ask = `const fs = require('fs'); require('https').get({ host: 'kubernetes.default.svc', path: '/api/v1/namespaces/${namespace}/pods/asker', ca: fs.readFileSync('${here}/ca.crt'), headers: { authorization: 'Bearer ' + fs.readFileSync('${here}/token', 'utf8') } }, (a) => console.log(a.statusCode) || a.resume()).on('error', (e) => console.log(e.message))`;
    await vi.waitFor(async () => expect(await run(inWest, 'asker', ask)).toBe('200\n'), wait);
    const fetched =
      "fetch('http://server.example/').then((a) => a.text()).then(console.log, (e) => console.log(e.cause?.code))";
    await vi.waitFor(async () => expect(await run(inWest, 'asker', fetched)).toBe('of the test\n'), wait);
    await new Promise((resolve) => server.close(resolve));
  }, 180_000);
});
