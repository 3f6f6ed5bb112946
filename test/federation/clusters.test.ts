/**
 * Stack `onprem` through the real engine on two real API servers: what `up`, `up` again, one gateway more, another image, a failure half
 * way and `destroy` do. Pods are simulated; a control plane's API answers from memory.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stack } from '@pulumi/pulumi/automation/index.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Engine, findPulumi } from '../../provider/test/engine.ts';
import { adminToken } from '../../provider/test/registry-stand-in.ts';
import { allOrNothing } from '../../stacks/all-or-nothing.ts';
import { kubernetes } from '../../stacks/kubernetes.ts';
import { ProgramSettings } from '../../tools/programs/settings.ts';
import { withStandIns } from '../../tools/programs/stand-in-settings.ts';
import { type Environment, startEnvironment } from '../stand-ins/environment.ts';
import { faultsVariable, findClusterPrograms, kubernetesPlugin } from '../stand-ins/kubernetes/index.ts';

const pulumi = findPulumi();
const cycleMs = 240_000; // measured below 60 s on a quiet machine of two cores

interface Change {
  readonly op: string;
  /** `Deployment paris-deployment` */
  readonly what: string;
}

describe.skipIf(pulumi === undefined || findClusterPrograms() === undefined)('stack onprem on real API servers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-clusters-'));
  const faults = join(folder, 'faults');
  let settings: ProgramSettings;
  let environment: Environment;
  let engine: Engine;
  let stack: Stack;

  beforeAll(async () => {
    const written = settingsOf('onprem');
    // addresses for one gateway more than the stack has: a test adds it
    const gateways = { ...written.gateways, rome: gatewayRome };
    environment = await startEnvironment({ ...written, gateways }, folder);
    settings = withStandIns(written, environment.standIns);
    engine = new Engine(pulumi ?? '', [{ ...kubernetesPlugin, env: { [faultsVariable]: faults } }]);
    stack = await engine.stack(async () => void allOrNothing(() => kubernetes(settings)));
  }, cycleMs);

  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await environment?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }, cycleMs);

  /** What an `up` does to resources; nothing for those that stay. */
  async function up(): Promise<readonly Change[]> {
    const changes: Change[] = [];
    await stack.up({
      onEvent: ({ resourcePreEvent }) => {
        const { op, urn } = resourcePreEvent?.metadata ?? {};
        if (op === undefined || urn === undefined || ['same', 'refresh', 'read'].includes(op)) return;
        const [type = '', name = ''] = [urn.split('::')[2]?.split('$').at(-1), urn.split('::')[3]];
        changes.push({ op, what: `${type.split(':').at(-1)} ${name}` });
      },
    });
    return changes;
  }

  test('a create that fails half way is gone on with', { timeout: cycleMs }, async () => {
    writeFileSync(faults, 'create StatefulSet\n');
    const failure = await up().catch((error: Error) => error.message);
    expect(failure).toMatch(/StatefulSet/);
    const rest = await up();
    expect(rest.map(({ what }) => what)).toContain('Deployment paris-deployment');
    expect(rest.map(({ what }) => what)).not.toContain('Namespace paris-namespace');
  });

  test('again, nothing changes', { timeout: cycleMs }, async () => {
    expect(await up()).toEqual([]);
  });

  test('one gateway more makes its own and the symmetric rules, and changes the matrix alone', {
    timeout: cycleMs,
  }, async () => {
    settings = withStandIns(
      { ...settings, gateways: { ...settings.gateways, rome: gatewayRome } },
      environment.standIns,
    );
    const changes = await up();
    const made = changes.filter(({ op }) => op === 'create').map(({ what }) => what.split(' ')[1] ?? '');
    expect(made.filter((name) => !/^rome($|-)|^mesh-calls\..*rome/.test(name))).toEqual([]);
    expect(changes.filter(({ op }) => op !== 'create').map(({ what }) => what)).toEqual(['PeerMatrix mesh-peers']);
    for (const way of ['berlin.rome', 'rome.berlin'])
      expect(made).toEqual(expect.arrayContaining([`mesh-calls.${way}.in`, `mesh-calls.${way}.out`]));
  });

  test('another image of the gateway touches its workloads alone', { timeout: cycleMs }, async () => {
    const image = `registry.example.com/portolan/gateway@sha256:${'1'.repeat(64)}`;
    const sites = Object.entries(settings.sites).map(([name, site]) => {
      return [name, { ...site, images: { ...(site.images as object), gateway: image } }];
    });
    settings = { ...settings, sites: Object.fromEntries(sites) };
    const changes = await up();
    expect(changes.map(({ what }) => what).sort()).toEqual([
      'Deployment berlin-deployment',
      'Deployment paris-deployment',
      'Deployment rome-deployment',
    ]);
    expect(new Set(changes.map(({ op }) => op))).toEqual(new Set(['update']));
  });

  test('the state holds no secret that was made', { timeout: cycleMs }, async () => {
    const state = JSON.stringify(await stack.exportStack());
    for (const secret of [adminToken, ...(await secretsIn(environment))]) expect(state).not.toContain(secret);
  });

  test('destroy leaves nothing', { timeout: cycleMs }, async () => {
    await stack.destroy();
    for (const { api } of environment.clusters.values()) {
      const left = (await api.list('/api/v1/namespaces')).map(({ metadata }) => metadata.name);
      expect(left.filter((name) => name.startsWith('portolan-'))).toEqual([]);
      expect(await api.list('/api/v1/persistentvolumes')).toEqual([]);
    }
    expect([...environment.registry.entries.keys()].filter((path) => path.startsWith('/gateways'))).toEqual([]);
  });
});

const gatewayRome = {
  site: 'paris',
  url: 'https://rome-gw.example.com',
  callerCidrs: ['10.0.0.0/8'],
  certificate: { secretRef: 'public-tls' },
};

function settingsOf(stack: string): ProgramSettings {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'stacks', `Pulumi.${stack}.yaml`), 'utf8');
  const { config } = parse(text, { merge: true }) as { config: Record<string, unknown> };
  return ProgramSettings.parse(
    Object.fromEntries(Object.entries(config).map(([key, value]) => [key.split(':')[1], value])),
  );
}

/** Every value of every Secret of ours, as text and as the API shows it. */
async function secretsIn({ clusters }: Environment): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { api } of clusters.values()) {
    for (const { metadata, data = {} } of await api.list<SecretObject>('/api/v1/secrets')) {
      if (!metadata.namespace.startsWith('portolan-')) continue;
      for (const value of Object.values(data)) found.push(value, Buffer.from(value, 'base64').toString());
    }
  }
  expect(found.length).toBeGreaterThanOrEqual(8);
  return found;
}

interface SecretObject {
  readonly metadata: { readonly namespace: string };
  readonly data?: Readonly<Record<string, string>>;
}
