/** The stand-in under the real engine, on a real cluster: what `up`, `up` again, change, failure, drift and `down` do to objects. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as k8s from '@pulumi/kubernetes';
import { type Input, secret as pulumiSecret } from '@pulumi/pulumi';
import type { Stack } from '@pulumi/pulumi/automation/index.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Engine, findPulumi } from '../../../provider/test/engine.ts';
import { freePort } from '../../../provider/test/target-process.ts';
import { type Cluster, faultsVariable, findClusterPrograms, kubernetesPlugin, startCluster } from './index.ts';

const pulumi = findPulumi();
const slow = 180_000;

describe.skipIf(pulumi === undefined || findClusterPrograms() === undefined)('Kubernetes under the real engine', () => {
  let cluster: Cluster;
  let engine: Engine;
  let folder: string;
  let round = 0;
  let namespace: string;
  let stack: Stack | undefined;

  beforeAll(async () => {
    cluster = await startCluster({ name: 'judge', site: { monitoring: true } });
  }, slow);
  afterAll(() => cluster?.stop());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-judge-'));
    namespace = `plane-${++round}`;
    stack = undefined;
    engine = new Engine(pulumi ?? '', [{ ...kubernetesPlugin, env: { [faultsVariable]: join(folder, 'faults') } }]);
  });
  afterEach(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  type Program = (own: {
    provider: k8s.Provider;
    metadata: (name: string) => { name: string; namespace: string };
  }) => void;
  /** The one stack of a test, with another program: making a stack anew takes the CLI a second. */
  const stackOf = async (program: Program, config: k8s.ProviderArgs = {}): Promise<Stack> => {
    const whole = async () => {
      const provider = new k8s.Provider('cluster', { kubeconfig: cluster.kubeconfig, ...config });
      program({ provider, metadata: (name) => ({ name, namespace }) });
    };
    stack ??= await engine.stack(whole);
    stack.workspace.program = whole;
    return stack;
  };

  const labels = { app: 'web' };
  const pod = (image = 'web:1') => ({
    metadata: { labels },
    spec: {
      containers: [
        {
          name: 'web',
          image,
          ports: [{ name: 'tls', containerPort: 8443 }],
          resources: { limits: { cpu: '1000m', memory: '1024Mi' } },
        },
      ],
    },
  });

  interface Change {
    readonly image?: string;
    readonly replicas?: number;
    readonly jobImage?: string;
    readonly cidr?: Input<string>;
    readonly extra?: Record<string, unknown>;
  }
  /** One of each that matters. */
  const plane =
    ({ image, replicas = 2, jobImage = 'init:1', cidr = '10.0.0.0/8', extra = {} }: Change = {}): Program =>
    ({ provider, metadata }) => {
      const home = new k8s.core.v1.Namespace('home', { metadata: { name: namespace } }, { provider });
      const opts = { provider, dependsOn: home };
      new k8s.core.v1.Secret('secret', { metadata: metadata('secret'), stringData: { password: 'open sesame' } }, opts);
      new k8s.apps.v1.Deployment(
        'web',
        {
          metadata: metadata('web'),
          spec: { replicas, selector: { matchLabels: labels }, template: pod(image), ...extra },
        },
        opts,
      );
      new k8s.core.v1.Service(
        'web',
        {
          metadata: metadata('web'),
          spec: { type: 'LoadBalancer', selector: labels, ports: [{ name: 'tls', port: 443, targetPort: 'tls' }] },
        },
        opts,
      );
      const jobPod = {
        spec: {
          restartPolicy: 'Never',
          containers: [{ name: 'init', image: jobImage, env: [{ name: 'HUSH', value: pulumiSecret('hush hush') }] }],
        },
      };
      new k8s.batch.v1.Job('init', { metadata: metadata('init'), spec: { template: jobPod } }, opts);
      new k8s.core.v1.PersistentVolumeClaim(
        'data',
        {
          metadata: metadata('data'),
          spec: {
            accessModes: ['ReadWriteOnce'],
            storageClassName: 'standard',
            resources: { requests: { storage: '1Gi' } },
          },
        },
        opts,
      );
      new k8s.networking.v1.NetworkPolicy(
        'in',
        {
          metadata: metadata('in'),
          spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [{ ipBlock: { cidr } }] }] },
        },
        opts,
      );
    };
  const changes = async (stack: Stack) => (await stack.up({ refresh: false })).summary.resourceChanges;
  const find = (path: string) => cluster.api.find(path);
  const web = () => find(`/apis/apps/v1/namespaces/${namespace}/deployments/web`);

  test(
    'up makes all and waits, up again changes nothing, a change is in place or a replacement, down leaves nothing',
    async () => {
      expect(await changes(await stackOf(plane()))).toEqual({ create: 9 });
      expect(await web()).toMatchObject({ status: { availableReplicas: 2 } });
      const again = await stackOf(plane());
      expect(await changes(again)).toEqual({ same: 9 });
      // not what the engine shows, which it decrypts
      const entries = readdirSync(join(engine.dir, 'state'), { withFileTypes: true, recursive: true });
      const files = entries.filter((one) => one.isFile());
      const state = files.map((one) => readFileSync(join(one.parentPath, one.name), 'utf8')).join();
      expect(state).toContain('ReplicaSet');
      for (const secret of ['open sesame', Buffer.from('open sesame').toString('base64'), 'hush hush'])
        expect(state).not.toContain(secret);
      expect(await find(`/apis/batch/v1/namespaces/${namespace}/jobs/init`)).toMatchObject({
        spec: { template: { spec: { containers: [{ env: [{ value: 'hush hush' }] }] } } },
      });

      const changed = await stackOf(plane({ image: 'web:2', jobImage: 'init:2' }));
      const preview = await changed.preview();
      expect(preview.changeSummary).toEqual({ same: 7, update: 1, replace: 1 });
      expect(await web()).toMatchObject({ spec: { template: { spec: { containers: [{ image: 'web:1' }] } } } });
      expect(await changes(changed)).toEqual({ same: 7, update: 1, replace: 1 });
      expect(await web()).toMatchObject({ spec: { template: { spec: { containers: [{ image: 'web:2' }] } } } });

      await changed.destroy();
      expect(await find(`/api/v1/namespaces/${namespace}`)).toBeUndefined();
    },
    slow,
  );

  /** What the engine says when `operation` fails. */
  const failure = async (operation: Promise<unknown>): Promise<string> =>
    operation.then(
      () => 'it did not fail',
      (error: Error) => error.message,
    );

  test(
    'what the API does not know or refuses is refused in preview already, with object and field',
    async () => {
      const misspelt = await stackOf(plane({ extra: { replicaz: 3 } }));
      expect(await failure(misspelt.preview())).toMatch(
        /Deployment web \(namespace plane-\d+\).*\.spec\.replicaz: field not declared in schema/,
      );
      const wrong = await stackOf(plane({ cidr: pulumiSecret('10.66.0.0/99') }));
      const said = await failure(wrong.preview());
      expect(said).toMatch(
        /NetworkPolicy in \(namespace plane-\d+\).*422 Invalid.*spec\.ingress\[0\]\.from\[0\]\.ipBlock\.cidr: .*\[secret\]/,
      );
      expect(said).not.toContain('10.66.0.0');
      expect(await find(`/api/v1/namespaces/${namespace}`)).toBeUndefined();
      const unnamed = await stackOf(({ provider }) => {
        new k8s.core.v1.ConfigMap('nameless', { data: {} }, { provider });
      });
      expect(await failure(unnamed.preview())).toMatch(/metadata\.name.*a name is expected/s);
    },
    slow,
  );

  test(
    'pods that a namespace forbids are told with the reason, and the next up goes on from what was made',
    async () => {
      const enforced = { 'pod-security.kubernetes.io/enforce': 'restricted' };
      const program =
        (securityContext: object, podSecurity: object): Program =>
        ({ provider, metadata }) => {
          const home = new k8s.core.v1.Namespace(
            'home',
            { metadata: { name: namespace, labels: enforced } },
            { provider },
          );
          const opts = { provider, dependsOn: home, customTimeouts: { create: '4s', update: '90s' } };
          const { metadata: own, spec } = pod();
          const containers = spec.containers.map((one) => ({ ...one, securityContext }));
          const template = { metadata: own, spec: { ...spec, containers, securityContext: podSecurity } };
          new k8s.apps.v1.Deployment(
            'web',
            { metadata: metadata('web'), spec: { selector: { matchLabels: labels }, template } },
            opts,
          );
          const ports = [{ port: 443, targetPort: 'tls' }];
          new k8s.core.v1.Service('web', { metadata: metadata('web'), spec: { selector: labels, ports } }, opts);
          const sleeping = { ...metadata('later'), annotations: { 'pulumi.com/skipAwait': 'true' } };
          new k8s.core.v1.Service('later', { metadata: sleeping, spec: { selector: { app: 'later' }, ports } }, opts);
        };
      const loose = await stackOf(program({}, {}));
      const said = await failure(loose.up());
      expect(said).toMatch(/Deployment web .*not ready after 4 s.*violates PodSecurity.*restricted/);
      expect(said).toMatch(/Service web .*not ready after 4 s: no pod that its selector finds is ready/);
      const tight = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
      const strict = await stackOf(program(tight, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }));
      expect(await changes(strict)).toEqual({ same: 4, update: 2 });
    },
    slow,
  );

  test(
    'a Job that fails is told at once, with the reason, and another one takes its place',
    async () => {
      const program =
        (annotations: Record<string, string>): Program =>
        ({ provider, metadata }) => {
          const own = { ...metadata(`init-${round}`), namespace: 'default' };
          const container = { name: 'init', image: 'init:1' };
          const template = { metadata: { annotations }, spec: { restartPolicy: 'Never', containers: [container] } };
          new k8s.batch.v1.Job('init', { metadata: own, spec: { backoffLimit: 0, template } }, { provider });
        };
      const failing = await stackOf(program({ 'portolan.dev/fails': 'true' }));
      expect(await failure(failing.up())).toMatch(
        /Job init-\d+ .*it will not become ready: it failed: BackoffLimitExceeded/,
      );
      expect(await changes(await stackOf(program({})))).toEqual({ same: 2, replace: 1 });
    },
    slow,
  );

  test(
    'a create that fails leaves what was made, and the next up makes the rest',
    async () => {
      writeFileSync(join(folder, 'faults'), 'create NetworkPolicy');
      const stack = await stackOf(plane());
      expect(await failure(stack.up())).toMatch(/create of a NetworkPolicy fails by order of the test/);
      const resumed = await changes(stack);
      expect(resumed?.create).toBeGreaterThanOrEqual(1);
      expect((resumed?.create ?? 0) + (resumed?.same ?? 0)).toBe(9);
      expect(await find(`/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies/in`)).toBeDefined();

      // drift of what is ours is repaired; what others add stays
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
      const body = { metadata: { labels: { theirs: 'yes' } }, spec: { replicas: 1 } };
      await cluster.api.ask('PATCH', path, { body, contentType: 'application/merge-patch+json' });
      await cluster.api.ask('DELETE', `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies/in`);
      expect((await stack.up({ refresh: true })).summary.resourceChanges).toEqual({ same: 7, update: 1, create: 1 });
      expect(await find(path)).toMatchObject({ metadata: { labels: { theirs: 'yes' } }, spec: { replicas: 2 } });
      expect((await stack.up({ refresh: true })).summary.resourceChanges).toEqual({ same: 9 });
    },
    slow,
  );

  test(
    'a cluster that is not there, credentials that have ended and a file that is not there are three errors',
    async () => {
      const program: Program = ({ provider, metadata }) => {
        new k8s.core.v1.ConfigMap('one', { metadata: { ...metadata('one'), namespace: 'default' } }, { provider });
      };
      const closed = await freePort();
      const text = readFileSync(cluster.kubeconfig, 'utf8');
      const moved = await stackOf(program, { kubeconfig: text.replace(cluster.server, `https://127.0.0.1:${closed}`) });
      expect(await failure(moved.preview())).toMatch(
        /Cluster https:\/\/127\.0\.0\.1:\d+ \(context judge\) cannot be reached: .*ECONNREFUSED/,
      );
      const ended = await stackOf(program, { kubeconfig: text.replace(cluster.token, 'another') });
      const said = await failure(ended.preview());
      expect(said).toMatch(
        new RegExp(`Cluster ${cluster.server} \\(context judge\\) does not take the credentials.*401`),
      );
      expect(said).not.toContain('another"');
      const gone = await stackOf(program, { kubeconfig: '/not/there' });
      expect(await failure(gone.preview())).toMatch(/there is no file \/not\/there/);
      const unknownOption = await stackOf(program, { kubeconfig: text, renderYamlToDirectory: folder });
      expect(await failure(unknownOption.preview())).toMatch(/renderYamlToDirectory.*does not play this option/s);
    },
    slow,
  );

  test(
    'custom resources stand under their definition; another cluster’s objects are not taken over in silence',
    async () => {
      const rules =
        (expr: string, field = 'expr'): Program =>
        ({ provider, metadata }) => {
          const spec = { groups: [{ name: 'g', rules: [{ alert: 'Down', [field]: expr }] }] };
          const own = { ...metadata(`rules-${round}`), namespace: 'default' };
          new k8s.apiextensions.CustomResource(
            'rules',
            { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata: own, spec },
            { provider },
          );
        };
      expect(await failure((await stackOf(rules('up == 0', 'exprr'))).preview())).toMatch(
        /PrometheusRule rules-\d+ .*exprr/,
      );
      const stack = await stackOf(rules('up == 0'));
      expect(await changes(stack)).toEqual({ create: 3 });
      expect(await changes(await stackOf(rules('up == 1')))).toEqual({ same: 2, update: 1 });

      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'theirs' } };
      await cluster.api.ask('POST', '/api/v1/namespaces/default/configmaps', { body });
      const taker = await stackOf(({ provider }) => {
        new k8s.core.v1.ConfigMap('theirs', { metadata: { name: 'theirs', namespace: 'default' } }, { provider });
      });
      expect(await failure(taker.up())).toMatch(/ConfigMap theirs \(namespace default\): .* has it already/);
    },
    slow,
  );

  test(
    'a cluster that is still to be made, and objects that are only looked at',
    async () => {
      const text = readFileSync(cluster.kubeconfig, 'utf8');
      let address: string | undefined;
      const nested = await stackOf(({ provider }) => {
        const config = new k8s.core.v1.ConfigMap(
          'maker',
          { metadata: { name: `maker-${round}`, namespace: 'default' } },
          { provider },
        );
        const made = new k8s.Provider('made', { kubeconfig: config.metadata.uid.apply(() => text) });
        new k8s.core.v1.ConfigMap(
          'in-it',
          { metadata: { name: `in-it-${round}`, namespace: 'default' } },
          { provider: made },
        );
        k8s.core.v1.Service.get('api', 'default/kubernetes', { provider }).spec.clusterIP.apply((ip) => {
          address = ip;
        });
      });
      expect((await nested.preview()).changeSummary).toMatchObject({ create: 5 });
      expect(await changes(nested)).toMatchObject({ create: 5 });
      expect(address).toBe('10.96.0.1');
      expect(await find(`/api/v1/namespaces/default/configmaps/in-it-${round}`)).toBeDefined();
      expect(await changes(nested)).toMatchObject({ same: 5 });
    },
    slow,
  );
});
