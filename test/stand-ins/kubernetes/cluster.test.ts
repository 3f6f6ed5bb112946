/** Clusters themselves: what a pod's token says of its issuer, what a platform gives and refuses, and that all ends with them. */

import { spawn } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Cluster, findClusterPrograms, KubeApi, type KubeObject, startCluster } from './index.ts';
import { addressFor } from './site.ts';

const slow = 180_000;

/** Command lines that name this cluster's folder. */
function processesOf(folder: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  });
  return lines.filter((line) => line.includes(folder));
}

describe.skipIf(findClusterPrograms() === undefined)('a cluster', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    const balancers = {
      class: 'stand-in.portolan.dev/outside',
      pool: ['203.0.113.7'],
      addressAnnotation: 'stand-in.portolan.dev/address',
    };
    cluster = await startCluster({ name: 'platform', nodes: 'none', site: { loadBalancers: balancers } });
  }, slow);
  afterAll(() => cluster?.stop());

  const post = (path: string, body: object) => cluster.api.ask('POST', path, { body });
  const inDefault = (kind: string) => `/api/v1/namespaces/default/${kind}`;
  const warnings = async (name: string) => {
    const found = await cluster.api.list<KubeObject & { message: string }>(inDefault('events'), {
      fieldSelector: `involvedObject.name=${name}`,
    });
    return found.map(({ message }) => message).join('\n');
  };

  test('a pod’s token is of its issuer, whose keys everyone may read', async () => {
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['portolan'], expirationSeconds: 600 },
    };
    const path = inDefault('serviceaccounts/default/token');
    const { token } = (await post(path, body)).status as { token: string };
    const [head = '', claims = '', signature = ''] = token.split('.');
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(read(claims)).toMatchObject({
      iss: cluster.issuer,
      aud: ['portolan'],
      sub: 'system:serviceaccount:default:default',
    });
    const key = cluster.jwks.keys.find(({ kid }) => kid === read(head).kid);
    const format = 'jwk';
    expect(
      verify(
        'RSA-SHA256',
        Buffer.from(`${head}.${claims}`),
        createPublicKey({ key: key ?? {}, format }),
        Buffer.from(signature, 'base64url'),
      ),
    ).toBe(true);
    const nobody = new KubeApi({
      server: cluster.server,
      ca: readFileSync(cluster.caFile, 'utf8'),
    });
    expect(await nobody.ask('GET', new URL(cluster.jwks.url).pathname)).toEqual({ keys: cluster.jwks.keys });
    await expect(nobody.ask('GET', inDefault('secrets'))).rejects.toThrow(/forbidden/);
    await nobody[Symbol.asyncDispose]();
  });

  test('a balancer gets the address it asks for where it is right for the platform; what is wrong stays pending, with the reason', async () => {
    const balancer = (name: string, spec: object, annotations = {}) =>
      post(inDefault('services'), {
        metadata: { name, annotations },
        spec: { type: 'LoadBalancer', ports: [{ port: 443 }], ...spec },
      });
    const ours = { loadBalancerClass: 'stand-in.portolan.dev/outside' };
    await balancer('right', ours, { 'stand-in.portolan.dev/address': '203.0.113.7' });
    await balancer('classless', {});
    await balancer('elsewhere', { ...ours, loadBalancerIP: '198.51.100.1' });
    const status = async (name: string) => (await cluster.api.find(inDefault(`services/${name}`)))?.status;
    await vi.waitFor(
      async () => expect(await status('right')).toMatchObject({ loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } }),
      20_000,
    );
    await vi.waitFor(async () => expect(await warnings('classless')).toMatch(/loadBalancerClass is absent/), 20_000);
    await vi.waitFor(
      async () => expect(await warnings('elsewhere')).toMatch(/198\.51\.100\.1 is not of this platform/),
      20_000,
    );
    expect(await status('classless')).toEqual({ loadBalancer: {} });
  });

  test('a claim is bound where its StorageClass is there', async () => {
    const storage = 'storage.k8s.io/v1';
    await post(`/apis/${storage}/storageclasses`, {
      metadata: { name: 'at-once' },
      provisioner: 'x.example',
      volumeBindingMode: 'Immediate',
    });
    for (const [name, storageClassName] of [
      ['bound', 'at-once'],
      ['lost', 'not-there'],
    ]) {
      const spec = { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: '1Gi' } } };
      await post(inDefault('persistentvolumeclaims'), { metadata: { name }, spec });
    }
    const phase = async (name: string) => (await cluster.api.find(inDefault(`persistentvolumeclaims/${name}`)))?.status;
    await vi.waitFor(async () => expect(await phase('bound')).toMatchObject({ phase: 'Bound' }), 20_000);
    await vi.waitFor(async () => expect(await warnings('lost')).toMatch(/no StorageClass "not-there"/), 20_000);
    expect(await phase('lost')).toMatchObject({ phase: 'Pending' });
  });

  test('it ends with all that it started', async () => {
    expect(processesOf(cluster.folder).length).toBeGreaterThanOrEqual(4);
    await cluster.stop();
    expect(processesOf(cluster.folder)).toEqual([]);
    expect(existsSync(cluster.folder)).toBe(false);
  });
});

describe.skipIf(findClusterPrograms() === undefined)('a cluster that does not end as it should', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-unhappy-'));
    vi.stubEnv('TMPDIR', folder);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });

  test(
    'a part that dies is told with its last words, and the rest ends',
    async () => {
      vi.stubEnv('PORTOLAN_KUBE_APISERVER', process.execPath);
      await expect(startCluster({ name: 'broken' })).rejects.toThrow(
        /Cluster broken did not start: kube-apiserver ended \(9\):\n.*bad option/s,
      );
      expect(processesOf(folder)).toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    },
    slow,
  );

  test(
    'a killed test leaves no cluster',
    async () => {
      const door = new URL('./index.ts', import.meta.url);
      const program = `const { startCluster } = await import('${door}'); await startCluster({ name: 'orphan' }); console.log('up');`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
      expect(processesOf(folder).length).toBeGreaterThanOrEqual(5);
      child.kill('SIGKILL');
      await vi.waitFor(() => expect(processesOf(folder)).toEqual([]), 20_000);
      await vi.waitFor(() => expect(readdirSync(folder)).toEqual([]), 20_000);
    },
    slow,
  );
});

const service = (spec: object, annotations = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's', annotations },
  spec,
});

test.each([
  ['any, where nothing is asked', service({}), {}, [], { ip: '203.0.113.10' }],
  ['the next free one', service({}), { pool: ['192.0.2.1', '192.0.2.2'] }, ['192.0.2.1'], { ip: '192.0.2.2' }],
  ['none when all are given', service({}), { pool: ['192.0.2.1'] }, ['192.0.2.1'], { why: 'no address is left' }],
  [
    'none that another has',
    service({ loadBalancerIP: '192.0.2.1' }),
    { pool: ['192.0.2.1'] },
    ['192.0.2.1'],
    { why: "address 192.0.2.1 is another Service's" },
  ],
  [
    'none that the platform has not',
    service({ loadBalancerIP: '192.0.2.9' }),
    { pool: ['192.0.2.1'] },
    [],
    { why: 'address 192.0.2.9 is not of this platform; it has 192.0.2.1' },
  ],
  [
    'none without what the platform demands',
    service({}),
    { requiredAnnotations: { a: 'b' } },
    [],
    { why: 'annotation a is absent; expected b' },
  ],
  ['none where the platform’s own rule says so', service({}), { refuse: () => 'no' }, [], { why: 'no' }],
])('an address: %s', (_name, one, platform, given, expected) => {
  expect(addressFor(one, platform, new Set(given))).toEqual(expected);
});
