/** The stand-in under the real engine, on a real cluster: what `up`, `up` again, change, failure, drift and `down` do to objects. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as k8s from '@pulumi/kubernetes';
import type { Stack } from '@pulumi/pulumi/automation/index.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Engine, findPulumi } from '../../../provider/test/engine.ts';
import { type Cluster, faultsVariable, findClusterPrograms, kubernetesPlugin, startCluster } from './index.ts';

const pulumi = findPulumi();
const slow = 180_000;

describe.skipIf(pulumi === undefined || findClusterPrograms() === undefined)('Kubernetes under the real engine', () => {
  let cluster: Cluster;
  let engine: Engine;
  let folder: string;
  let round = 0;
  let namespace: string;

  beforeAll(async () => {
    cluster = await startCluster({ name: 'judge', site: { monitoring: true } });
  }, slow);
  afterAll(() => cluster?.stop());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-judge-'));
    namespace = `plane-${++round}`;
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
  const stackOf = (program: Program, config: k8s.ProviderArgs = {}): Promise<Stack> =>
    engine.stack(async () => {
      const provider = new k8s.Provider('cluster', { kubeconfig: cluster.kubeconfig, ...config });
      program({ provider, metadata: (name) => ({ name, namespace }) });
    });

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
    readonly cidr?: string;
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
      const jobPod = { spec: { restartPolicy: 'Never', containers: [{ name: 'init', image: jobImage }] } };
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
      expect(await changes(await stackOf(plane()))).toEqual({ same: 9 });

      const changed = await stackOf(plane({ image: 'web:2', jobImage: 'init:2' }));
      const preview = await changed.preview();
      expect(preview.changeSummary).toEqual({ same: 7, update: 1, replace: 1 });
      expect(await web()).toMatchObject({ spec: { template: { spec: { containers: [{ image: 'web:1' }] } } } });
      expect(await changes(changed)).toEqual({ same: 7, update: 1, replace: 1 });
      expect(await web()).toMatchObject({ spec: { template: { spec: { containers: [{ image: 'web:2' }] } } } });

      await changed.destroy();
      expect(await find(`/api/v1/namespaces/${namespace}`)).toBeUndefined();
      const state = JSON.stringify(await changed.exportStack());
      expect(state).not.toContain('open sesame');
    },
    slow,
  );
});
