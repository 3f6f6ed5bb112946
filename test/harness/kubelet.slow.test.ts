/** The kubelet harness on a real API server: what a pod sees of its node, of its Services and of its secrets, and that nothing stays. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fetch, ProxyAgent } from 'undici';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Cluster, findClusterPrograms, type KubeObject, startCluster } from '../stand-ins/kubernetes/index.ts';
import { imagesForTests } from './images.ts';
import { byReference, type Kubelet, startKubelet, whyNoKubelet } from './kubelet.ts';

const { images, missing } = await imagesForTests('gateway');
const why = missing ?? whyNoKubelet() ?? (findClusterPrograms() ? undefined : 'no programs of a test cluster');
if (why !== undefined) process.stderr.write(`\n*** SKIPPED: the kubelet harness. ${why}\n\n`);

const namespace = 'harness';
const node = '/usr/local/bin/node';
const image = images?.gateway.reference ?? '';
const wait = { timeout: 90_000, interval: 200 };

/** Says who it is, at a port; `/ready` is 503 while /tmp/away is there. */
const server = (word: string, port: number) =>
  `const fs = require('fs'); require('http').createServer((q, a) => { const away = q.url === '/ready' && fs.existsSync('/tmp/away'); a.writeHead(away ? 503 : 200); a.end('${word} ' + require('os').hostname() + ' ' + process.pid) }).listen(${port})`;

const security = {
  runAsNonRoot: true,
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
};

const container = (name: string, script: string, more: object = {}) => ({
  name,
  image,
  command: [node, '-e', script],
  securityContext: security,
  volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  ...more,
});

const pod = (name: string, spec: object, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels },
  spec: {
    securityContext: { runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532 },
    terminationGracePeriodSeconds: 5,
    automountServiceAccountToken: false,
    volumes: [{ name: 'tmp', emptyDir: {} }],
    ...spec,
  },
});

describe.skipIf(why !== undefined)('pods', () => {
  let cluster: Cluster;
  let kubelet: Kubelet;
  const links = () => execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).replace(/state.*/g, '');
  const before = links();

  const make = (body: object, path = `/api/v1/namespaces/${namespace}/pods`) => cluster.api.ask('POST', path, { body });
  const find = (name: string) => cluster.api.find<KubeObject>(`/api/v1/namespaces/${namespace}/pods/${name}`);
  const statusOf = async (name: string) =>
    (await find(name))?.status as {
      phase: string;
      podIP: string;
      conditions: { type: string; status: string }[];
      containerStatuses: { name: string; restartCount: number; ready: boolean }[];
    };
  const ready = async (name: string) => {
    await vi.waitFor(async () => {
      const status = await statusOf(name);
      expect(status.conditions.find(({ type }) => type === 'Ready')?.status, JSON.stringify(status)).toBe('True');
    }, wait);
  };
  const run = (name: string, script: string, of = 'main') => kubelet.exec(namespace, name, of, [node, '-e', script]);
  const get = (name: string, url: string) =>
    run(
      name,
      `fetch('${url}').then(a => a.text()).then(t => console.log(t), e => { console.log(e.cause?.code ?? e.message); process.exit(1) })`,
    );

  beforeAll(async () => {
    cluster = await startCluster({ name: 'one', nodes: 'none' });
    kubelet = await startKubelet({ cluster, images: byReference(images ?? {}) });
    await make({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, '/api/v1/namespaces');
    await vi.waitFor(() => cluster.api.ask('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`), wait);
  }, 240_000);

  afterAll(async () => {
    await kubelet?.stop();
    await cluster?.stop();
  }, 120_000);

  test('two containers of one pod answer another pod by Service name, and a client of the test by a load balancer', async () => {
    const ports = [{ name: 'web', containerPort: 8000 }];
    const probe = {
      readinessProbe: { httpGet: { path: '/ready', port: 'web' }, periodSeconds: 1, failureThreshold: 1 },
    };
    const containers = [
      container('main', server('main', 8000), { ports, ...probe }),
      container('second', server('second', 8001)),
    ];
    await make(pod('server', { containers }, { app: 'server' }));
    await make(pod('client', { containers: [container('main', 'setInterval(() => {}, 1e6)')] }));
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace },
      spec: {
        type: 'LoadBalancer',
        selector: { app: 'server' },
        ports: [
          { name: 'a', port: 80, targetPort: 'web' },
          { name: 'b', port: 81, targetPort: 8001 },
        ],
      },
    };
    await make(service, `/api/v1/namespaces/${namespace}/services`);
    await Promise.all(['server', 'client'].map(ready));
    await vi.waitFor(async () => expect((await get('client', 'http://web/')).output).toBe('main server 1\n'), wait);
    expect((await get('client', `http://web.${namespace}.svc.cluster.local:81/`)).output).toBe('second server 1\n');
    expect((await get('client', 'http://nobody/')).output).toBe('ENOTFOUND\n');
    const found = await cluster.api.ask<{ status: { loadBalancer: { ingress: { ip: string }[] } } }>(
      'GET',
      `/api/v1/namespaces/${namespace}/services/web`,
    );
    kubelet.network.name('web.example', found.status.loadBalancer.ingress[0]?.ip ?? '');
    const proxy = new ProxyAgent({ uri: kubelet.network.proxy, proxyTunnel: true });
    expect(await (await fetch('http://web.example/', { dispatcher: proxy })).text()).toBe('main server 1');
    await proxy.close();
    await vi.waitFor(
      async () => expect((await get('client', 'http://web.example/')).output).toBe('main server 1\n'),
      wait,
    );

    // what is not ready gets no connection
    await run('server', "require('fs').writeFileSync('/tmp/away', '')");
    await vi.waitFor(async () => expect((await get('client', 'http://web/')).output).toBe('ECONNRESET\n'), wait);
    await run('server', "require('fs').rmSync('/tmp/away')");
    await vi.waitFor(async () => expect((await get('client', 'http://web/')).output).toBe('main server 1\n'), wait);
  }, 240_000);

  test('a container has a user, no capability, no way to one, and a root that it cannot write to', async () => {
    const { output } = await run('server', "console.log(require('fs').readFileSync('/proc/1/status', 'utf8'))");
    expect(output).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m);
    expect(output).toMatch(/^Gid:\t65532\t65532\t65532\t65532$/m);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(output).toMatch(new RegExp(`^${set}:\\t0+$`, 'm'));
    expect(output).toMatch(/^NoNewPrivs:\t1$/m);
    const write = (path: string) =>
      run(
        'server',
        `try { require('fs').writeFileSync('${path}', 'x'); console.log('written') } catch (e) { console.log(e.code) }`,
      );
    expect((await write('/x')).output).toBe('EROFS\n');
    expect((await write('/opt/portolan/gateway/main.js')).output).toMatch(/^E(ROFS|ACCES)\n$/);
    expect((await write('/tmp/x')).output).toBe('written\n');
    const processes = (await run('server', "console.log(require('fs').readdirSync('/proc').filter(Number).length)"))
      .output;
    expect(Number(processes), 'its own process and the one that asks').toBeLessThanOrEqual(2);
  });

  test('secrets, a config map and a token signed by the API server are files, and follow', async () => {
    const secrets = `/api/v1/namespaces/${namespace}/secrets`;
    await make(
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key', namespace }, stringData: { kek: 'one' } },
      secrets,
    );
    await make(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config', namespace }, data: { 'config.yaml': 'a: 1' } },
      `/api/v1/namespaces/${namespace}/configmaps`,
    );
    const volumes = [
      { name: 'tmp', emptyDir: { medium: 'Memory' } },
      { name: 'key', secret: { secretName: 'key', defaultMode: 0o440 } },
      { name: 'config', configMap: { name: 'config' } },
      {
        name: 'token',
        projected: {
          sources: [{ serviceAccountToken: { audience: 'portolan', expirationSeconds: 3600, path: 'token' } }],
        },
      },
    ];
    const mounts = [
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'key', mountPath: '/etc/portolan/kek', readOnly: true },
      { name: 'config', mountPath: '/etc/portolan/config' },
      { name: 'token', mountPath: '/var/run/secrets/portolan' },
    ];
    const env = [
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 'key', key: 'kek' } } },
      { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'BOTH', value: '$(NAME)/$(KEY)' },
    ];
    await make(
      pod('files', {
        volumes,
        containers: [container('main', 'setInterval(() => {}, 1e6)', { volumeMounts: mounts, env })],
      }),
    );
    await ready('files');
    const read = async (path: string) =>
      (await run('files', `console.log(require('fs').readFileSync('${path}', 'utf8'))`)).output.trim();
    const stat = async (path: string) =>
      (
        await run(
          'files',
          `const s = require('fs').statSync('${path}'); console.log(s.uid, s.gid, (s.mode & 0o777).toString(8))`,
        )
      ).output.trim();
    expect(await read('/etc/portolan/kek/kek')).toBe('one');
    expect(await stat('/etc/portolan/kek/kek')).toBe('0 65532 440');
    expect(await read('/etc/portolan/config/config.yaml')).toBe('a: 1');
    expect((await run('files', 'console.log(process.env.BOTH)')).output).toBe('files/one\n');
    const token = await read('/var/run/secrets/portolan/token');
    const review = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: ['portolan'] },
    };
    const judged = await make(review, '/apis/authentication.k8s.io/v1/tokenreviews');
    const user = { username: `system:serviceaccount:${namespace}:default` };
    expect(judged.status).toMatchObject({ authenticated: true, audiences: ['portolan'], user });
    expect(
      (await make({ ...review, spec: { token } }, '/apis/authentication.k8s.io/v1/tokenreviews')).status,
    ).not.toMatchObject({ authenticated: true });
    expect(await stat('/var/run/secrets/portolan/token')).toBe('65532 65532 640');
    const patch = { body: { stringData: { kek: 'two' } }, contentType: 'application/merge-patch+json' };
    await cluster.api.ask('PATCH', `${secrets}/key`, patch);
    await vi.waitFor(async () => expect(await read('/etc/portolan/kek/kek')).toBe('two'), wait);
  }, 180_000);

  test('init containers run in order, a sidecar before what follows, and a killed container comes back', async () => {
    const volumes = [{ name: 'tmp', emptyDir: {} }];
    const say = (word: string) => `require('fs').appendFileSync('/tmp/said', '${word} ')`;
    const sidecar = container('side', `${say('side')}; ${server('side', 9000)}`, {
      restartPolicy: 'Always',
      startupProbe: { tcpSocket: { port: 9000 }, periodSeconds: 1, failureThreshold: 30 },
    });
    const last = container('last', `fetch('http://127.0.0.1:9000').then(() => ${say('last')})`);
    const containers = [container('main', `${say('main')}; setInterval(() => {}, 1e6)`)];
    await make(
      pod('ordered', { volumes, containers, initContainers: [container('first', say('first')), sidecar, last] }),
    );
    await ready('ordered');
    const said = async () =>
      (await run('ordered', "console.log(require('fs').readFileSync('/tmp/said', 'utf8'))")).output.trim();
    expect(await said()).toBe('first side last main');
    await kubelet.signal(namespace, 'ordered', 'main', 'SIGKILL');
    await vi.waitFor(
      async () =>
        expect((await statusOf('ordered')).containerStatuses[0]).toMatchObject({
          restartCount: 1,
          ready: true,
          lastState: { terminated: { exitCode: 137 } },
        }),
      wait,
    );
    expect(await said()).toBe('first side last main main');
  }, 180_000);

  test('in a shared process namespace one container signals the other, by the number that it wrote', async () => {
    const heard =
      "process.on('SIGHUP', () => console.log('heard')); require('fs').writeFileSync('/tmp/pid', String(process.pid)); setInterval(() => {}, 1e6)";
    const containers = [container('main', heard), container('second', 'setInterval(() => {}, 1e6)')];
    await make(pod('shared', { shareProcessNamespace: true, containers }));
    await ready('shared');
    const signal =
      "const pid = Number(require('fs').readFileSync('/tmp/pid', 'utf8')); process.kill(pid, 'SIGHUP'); console.log(pid)";
    await vi.waitFor(
      async () => expect(Number((await run('shared', signal, 'second')).output)).toBeGreaterThan(1),
      wait,
    );
    await vi.waitFor(() => expect(kubelet.logs(namespace, 'shared', 'main')).toContain('heard'), wait);
    await kubelet.signal(namespace, 'shared', 'main', 'SIGKILL');
    await vi.waitFor(async () => {
      const main = (await statusOf('shared')).containerStatuses.find(({ name }) => name === 'main');
      expect(main).toMatchObject({ restartCount: 1, ready: true, lastState: { terminated: { exitCode: 137 } } });
    }, wait);
  }, 120_000);

  test('a Job ends with its pod', async () => {
    const template = pod('x', { restartPolicy: 'Never', containers: [container('main', "console.log('done')")] });
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'once', namespace },
      spec: { template: { spec: template.spec } },
    };
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
    await make(job, path);
    await vi.waitFor(
      async () => expect(await cluster.api.ask('GET', `${path}/once`)).toMatchObject({ status: { succeeded: 1 } }),
      wait,
    );
  }, 120_000);

  test('what is deleted is told, ends, and leaves nothing', async () => {
    const script = "process.on('SIGTERM', () => { console.log('told'); process.exit(0) }); setInterval(() => {}, 1e6)";
    await make(pod('brief', { containers: [container('main', script)] }));
    await ready('brief');
    const uid = (await find('brief'))?.metadata.uid ?? 'none';
    expect(existsSync(`${kubelet.folder}/pods/${uid}`)).toBe(true);
    await cluster.api.ask('DELETE', `/api/v1/namespaces/${namespace}/pods/brief`);
    await vi.waitFor(async () => expect(await find('brief')).toBeUndefined(), wait);
    expect(kubelet.logs(namespace, 'brief', 'main')).toBe('told\n');
    expect(existsSync(`${kubelet.folder}/pods/${uid}`)).toBe(false);
  }, 120_000);

  test('a liveness probe that fails restarts; preStop comes before SIGTERM, and SIGKILL when the grace is over', async () => {
    const deaf = "process.on('SIGTERM', () => console.log('deaf', require('fs').existsSync('/tmp/before')));";
    const main = container(
      'main',
      `${deaf} require('fs').rmSync('/tmp/away', { force: true }); ${server('main', 8000)}`,
      {
        livenessProbe: { httpGet: { path: '/ready', port: 8000 }, periodSeconds: 1, failureThreshold: 1 },
        lifecycle: { preStop: { exec: { command: [node, '-e', "require('fs').writeFileSync('/tmp/before', '')"] } } },
      },
    );
    await make(pod('sick', { terminationGracePeriodSeconds: 3, containers: [main] }));
    await ready('sick');
    await run('sick', "require('fs').writeFileSync('/tmp/away', '')");
    await vi.waitFor(async () => {
      expect((await statusOf('sick')).containerStatuses[0]).toMatchObject({ restartCount: 1, ready: true });
    }, wait);
    const began = Date.now();
    await cluster.api.ask('DELETE', `/api/v1/namespaces/${namespace}/pods/sick`);
    await vi.waitFor(async () => expect(await find('sick')).toBeUndefined(), wait);
    expect(Date.now() - began).toBeGreaterThanOrEqual(2_900);
    expect(kubelet.logs(namespace, 'sick', 'main')).toBe('deaf false\ndeaf true\n');
  }, 180_000);

  test('stopped, it leaves no process, no mount, no link and no file', async () => {
    const { folder } = kubelet;
    const holds = () =>
      readdirSync('/proc')
        .filter(Number)
        .filter((pid) => quietly(() => readFileSync(`/proc/${pid}/environ`, 'utf8')).includes(folder));
    expect(holds().length).toBeGreaterThan(0);
    await kubelet.stop();
    await vi.waitFor(() => expect(holds()).toEqual([]), wait);
    expect(existsSync(folder)).toBe(false);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(folder);
    expect(links()).toBe(before);
  }, 120_000);
});

function quietly(look: () => string): string {
  try {
    return look();
  } catch {
    return '';
  }
}
