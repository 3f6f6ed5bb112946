/**
 * The crossing from rendered manifests: stack `onprem` through the real engine on two real API servers, whose pods really run, from the
 * images: PostgreSQL, control planes, NATS servers, two gateways of two replicas, each in namespaces of its own. A call enters in one
 * cluster and is answered by an MCP server that only the other reaches.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditRow } from '@portolan/core';
import { ProxyAgent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runEngine } from '../../tools/local/engine.ts';
import { placeSettings } from '../../tools/programs/prepare.ts';
import { type ProgramSettings, readProgramSettings } from '../../tools/programs/settings.ts';
import { createStack, pulumiFor, type StackPlace, stackPlace, stateFile } from '../../tools/stack/index.ts';
import { Everything } from '../harness/everything/everything.ts';
import { imagesForTests } from '../harness/images.ts';
import {
  byReference,
  type Kubelet,
  type Network,
  startKubelet,
  startNetwork,
  whyNoKubelet,
} from '../harness/kubelet.ts';
import { type Cluster, findClusterPrograms, kubernetesPlugin, startCluster } from '../stand-ins/kubernetes/index.ts';
import { publicCertificate } from '../stand-ins/public-certificate.ts';

const { images, missing } = await imagesForTests('gateway', 'control-plane', 'nats-server', 'postgres');
const why = missing ?? whyNoKubelet() ?? (findClusterPrograms() ? undefined : 'no programs of a test cluster');
if (why !== undefined) process.stderr.write(`\n*** SKIPPED: the crossing from rendered manifests. ${why}\n\n`);

const slow = 600_000;
const addresses = { control: '203.0.113.10', berlin: '203.0.113.11', paris: '203.0.113.30', files: '203.0.113.200' };
const hosts = { control: 'control.example.com', berlin: 'berlin-gw.example.com', paris: 'paris-gw.example.com' };

describe.skipIf(why !== undefined)('the crossing from rendered manifests', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-crossing-'));
  const closing: (() => Promise<unknown>)[] = [];
  let network: Network;
  let place: StackPlace;
  let berlin: Cluster;
  let paris: Cluster;
  const kubelets = new Map<string, Kubelet>();
  let ca: string;
  let proxy: ProxyAgent;
  let atBerlin: ProxyAgent;
  let alice: string;

  beforeAll(async () => {
    network = await startNetwork();
    closing.push(() => network.stop());
    for (const [plane, host] of Object.entries(hosts)) network.name(host, addresses[plane as keyof typeof hosts]);
    network.name('files.paris.internal', addresses.files);
    const files = await Everything.start({ hosts: ['files.paris.internal'] });
    closing.push(() => files[Symbol.asyncDispose]());
    await network.expose({ address: addresses.files, port: 8080, to: Number(new URL(files.url).port) });

    const authority = await publicCertificate(Object.values(hosts));
    ca = authority.ca;
    writeFileSync(join(folder, 'authority.crt'), ca);
    berlin = await cluster('berlin', [addresses.control, addresses.berlin]);
    paris = await cluster('paris', [addresses.paris]);
    for (const [where, plane] of [
      [berlin, 'control'],
      [berlin, 'berlin'],
      [paris, 'paris'],
    ] as const)
      await giveCertificate(where, `portolan-${plane}`, authority);

    place = await placeIn(join(folder, 'stack'));
    await up(settingsOn(await readProgramSettings(place)));
    proxy = new ProxyAgent({ uri: network.proxy, requestTls: { ca } });
    atBerlin = new ProxyAgent({ uri: network.proxy, requestTls: { ca, servername: hosts.berlin } });
    closing.push(
      () => proxy.close(),
      () => atBerlin.close(),
    );
    const { token } = await api<{ token: string }>('POST', '/tokens', { principal: { kind: 'user', name: 'alice' } });
    alice = token;
  }, slow);

  afterAll(async () => {
    for (const close of closing.reverse()) await close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }, slow);

  async function cluster(name: string, pool: readonly string[]): Promise<Cluster> {
    const started = await startCluster({ name, nodes: 'none', site: { loadBalancers: { pool } } });
    closing.push(() => started.stop());
    const kubelet = await startKubelet({ cluster: started, images: byReference(images ?? {}), network });
    closing.push(() => kubelet.stop());
    kubelets.set(name, kubelet);
    return started;
  }

  async function placeIn(own: string): Promise<StackPlace> {
    const files = { state: join(own, 'state'), home: join(own, 'home'), passphraseFile: join(own, 'passphrase') };
    return { ...(await stackPlace('onprem')), folder: own, ...files, settingsFile: join(own, 'Pulumi.onprem.yaml') };
  }

  /** The stack's settings with clusters, images and addresses of the test. */
  function settingsOn(written: ProgramSettings): ProgramSettings {
    const own = {
      gateway: images?.gateway.reference,
      controlPlane: images?.['control-plane'].reference,
      nats: images?.['nats-server'].reference,
      postgres: images?.postgres.reference,
    };
    const of = ({ kubeconfig, issuer, jwks }: Cluster) => ({
      cluster: { kubeconfig },
      images: own,
      serviceAccounts: { issuer, jwks: { keys: jwks.keys } },
      caFile: join(folder, 'authority.crt'),
    });
    const { control, ...gateways } = addresses;
    return withSites(written, {
      berlin: { ...of(berlin), ingress: { kind: 'load-balancer', addresses: { control, berlin: gateways.berlin } } },
      paris: {
        ...of(paris),
        ingress: { kind: 'load-balancer', addresses: { paris: gateways.paris } },
        upstreamCidrs: [{ cidr: `${addresses.files}/32`, ports: [8080] }],
      },
    });
  }

  async function up(settings: ProgramSettings): Promise<void> {
    // the engine's way to the control plane is the test's: through the proxy into the network
    const env = { ...process.env, HTTPS_PROXY: network.proxy, NO_PROXY: '127.0.0.1,localhost' };
    const pulumi = await pulumiFor(place, { env });
    await createStack(pulumi);
    await placeSettings(place, settings, kubernetesPlugin.path);
    const { signal } = new AbortController();
    await runEngine(pulumi, ['up', '--refresh'], { verbose: false, beginning: '', tell: () => {}, signal });
  }

  /** The control plane's API, by the admin token that its birth made. */
  async function api<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const { data } = await berlin.api.ask<{ data: { token: string } }>(
      'GET',
      '/api/v1/namespaces/portolan-control/secrets/admin-token',
    );
    const token = Buffer.from(data.token, 'base64').toString().trim();
    const answer = await request(`https://${hosts.control}/api/v1${path}`, {
      dispatcher: proxy,
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    if (answer.statusCode >= 300)
      throw new Error(`${method} ${path}: ${answer.statusCode} ${await answer.body.text()}`);
    return (await answer.body.json()) as T;
  }

  /** A call of alice that enters in Berlin: by the public name, or at one replica. */
  async function call(method: string, replica?: string): Promise<{ status: number; text: string }> {
    const door = replica === undefined ? hosts.berlin : `${replica}:8443`;
    const answer = await request(`https://${door}/mcp/mcp-files`, {
      dispatcher: atBerlin,
      method: 'POST',
      headers: {
        host: hosts.berlin,
        authorization: `Bearer ${alice}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { _meta: modernMeta } }),
    });
    return { status: answer.statusCode, text: await answer.body.text() };
  }

  test('a call enters in Berlin and is answered in Paris; its audit row says both', { timeout: slow }, async () => {
    await vi.waitFor(async () => expect(await call('tools/list')).toMatchObject({ status: 200 }), {
      timeout: 60_000,
      interval: 500,
    });
    const { text } = await call('tools/list');
    expect(text).toContain('test_simple_text');
    await vi.waitFor(
      async () => {
        const { items } = await api<{ items: AuditRow[] }>('GET', '/audit?limit=1');
        expect(items[0]).toMatchObject({
          entry_gateway: 'berlin',
          handling_gateway: 'paris',
          hops: [{ role: 'entry' }, { role: 'handling' }],
        });
      },
      { timeout: 60_000, interval: 500 },
    );
  });

  test('no secret that was made is in the state or in a rendered object', { timeout: slow }, async () => {
    const state = readFileSync(stateFile(place), 'utf8');
    for (const secret of await secretsOf([berlin, paris])) expect(state).not.toContain(secret);
  });

  test('a gateway replica that is killed is replaced, without a failed call on the other', {
    timeout: slow,
  }, async () => {
    const ready = async () => (await podsOf(berlin, 'portolan-berlin')).filter(({ isReady }) => isReady);
    await vi.waitFor(async () => expect(await ready()).toHaveLength(2), { timeout: 120_000, interval: 500 });
    const [victim, other] = await ready();
    if (victim === undefined || other === undefined) throw new Error('two replicas were ready');
    expect((await call('tools/list', other.ip)).status).toBe(200);
    await kubelets.get('berlin')?.signal('portolan-berlin', victim.name, 'gateway', 'SIGKILL');
    const statuses: number[] = [];
    await vi.waitFor(
      async () => {
        statuses.push((await call('tools/list', other.ip)).status);
        const now = (await podsOf(berlin, 'portolan-berlin')).find(({ name }) => name === victim.name);
        expect(now?.restarts).toBeGreaterThan(victim.restarts);
        expect(now?.isReady).toBe(true);
      },
      { timeout: 120_000, interval: 100 },
    );
    expect(statuses.length).toBeGreaterThan(5);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect((await call('tools/list', victim.ip)).status).toBe(200);
  });
});

const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'crossing', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

function withSites(written: ProgramSettings, change: Record<string, object>): ProgramSettings {
  const sites = Object.entries(written.sites).map(([name, site]) => [name, { ...site, ...change[name] }]);
  return { ...written, sites: Object.fromEntries(sites) };
}

/** What a person does before `up`: the namespace, and the certificate of the plane's public name in it. */
async function giveCertificate(
  { api }: Cluster,
  namespace: string,
  { cert, key }: { cert: string; key: string },
): Promise<void> {
  const named = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  await api.ask('POST', '/api/v1/namespaces', { body: named });
  await api.ask('POST', `/api/v1/namespaces/${namespace}/secrets`, {
    body: {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'public-tls', namespace },
      stringData: { 'tls.crt': cert, 'tls.key': key },
    },
  });
}

interface PodObject {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

async function podsOf({ api }: Cluster, namespace: string) {
  const pods = await api.list<PodObject>(`/api/v1/namespaces/${namespace}/pods`);
  return pods.map(({ metadata: { name }, status: { podIP = '', conditions = [], containerStatuses = [] } }) => ({
    name,
    ip: podIP,
    isReady: conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    restarts: containerStatuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
  }));
}

async function secretsOf(clusters: readonly Cluster[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { api } of clusters) {
    const all = await api.list<{ metadata: { namespace: string }; data?: Record<string, string> }>('/api/v1/secrets');
    for (const { metadata, data = {} } of all) {
      if (!metadata.namespace.startsWith('portolan-')) continue;
      for (const [key, value] of Object.entries(data))
        if (key !== 'tls.crt') found.push(value, Buffer.from(value, 'base64').toString().trim());
    }
  }
  expect(found.length).toBeGreaterThanOrEqual(8);
  return found;
}
