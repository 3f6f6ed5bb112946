/**
 * Stack `onprem` through the real engine on two real API servers: what `up`, `up` again, one gateway more, another image, a failure half
 * way and `destroy` do. Pods are simulated; a control plane's API answers from memory.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { adminToken } from '../../provider/test/registry-stand-in.ts';
import { type ProgramSettings, readProgramSettings } from '../../tools/programs/settings.ts';
import { withStandIns } from '../../tools/programs/stand-in-settings.ts';
import { stateFile } from '../../tools/stack/index.ts';
import { type ProgramStack, programStack } from '../harness/program-stack.ts';
import { type Environment, startEnvironment } from '../stand-ins/environment.ts';
import { faultsVariable, findClusterPrograms, type KubeApi, type KubeObject } from '../stand-ins/kubernetes/index.ts';

const cycleMs = 240_000; // measured below 60 s on a quiet machine of two cores

describe.skipIf(findClusterPrograms() === undefined)('stack onprem on real API servers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-clusters-'));
  const faults = join(folder, 'faults');
  let settings: ProgramSettings;
  let environment: Environment;
  let stack: ProgramStack;

  beforeAll(async () => {
    stack = await programStack('onprem', join(folder, 'stack'), { [faultsVariable]: faults });
    const written = await readProgramSettings(stack.place);
    // addresses for one gateway more than the stack has: a test adds it
    environment = await startEnvironment({ ...written, gateways: { ...written.gateways, rome } }, folder);
    settings = withStandIns(written, environment.standIns);
  }, cycleMs);

  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }, cycleMs);

  const up = () => stack.up(settings);

  test('a create that fails half way is gone on with', { timeout: cycleMs }, async () => {
    writeFileSync(faults, 'create StatefulSet\n');
    await expect(up()).rejects.toThrow(/control-postgres-server.*by order of the test/);
    const rest = await up();
    expect(rest).toContain('+ paris-deployment (Deployment)');
    expect(rest).not.toContain('+ paris-namespace (Namespace)');
  });

  test('every node may be drained: each budget lets a pod go', { timeout: cycleMs }, async () => {
    const budgets = (api: KubeApi) => api.list<Budget>('/apis/policy/v1/poddisruptionbudgets');
    for (const { api } of environment.clusters.values())
      await vi.waitFor(
        async () => {
          const found = await budgets(api);
          expect(found.length).toBeGreaterThan(0);
          for (const { metadata, status } of found)
            expect(status?.disruptionsAllowed, `${metadata.namespace}/${metadata.name}`).toBe(1);
        },
        { timeout: 60_000, interval: 500 },
      );
  });

  test('again, nothing changes', { timeout: cycleMs }, async () => {
    expect(await up()).toEqual([]);
  });

  test('one gateway more makes its own and the symmetric rules, and changes the matrix alone', {
    timeout: cycleMs,
  }, async () => {
    settings = withStandIns({ ...settings, gateways: { ...settings.gateways, rome } }, environment.standIns);
    const lines = await up();
    const others = lines.filter((line) => !/^\+ (rome-\S+|mesh-calls\.\S*rome\S*) /.test(line));
    expect(others).toEqual(['~ mesh-peers (PeerMatrix)']);
    for (const rule of ['berlin.rome.in', 'berlin.rome.out', 'rome.berlin.in', 'rome.berlin.out'])
      expect(lines).toContain(`+ mesh-calls.${rule} (NetworkPolicy)`);
  });

  test('another image of the gateway touches its workloads alone', { timeout: cycleMs }, async () => {
    const image = `registry.example.com/portolan/gateway@sha256:${'1'.repeat(64)}`;
    const sites = Object.entries(settings.sites).map(([name, site]) => {
      return [name, { ...site, images: { ...(site.images as object), gateway: image } }];
    });
    settings = { ...settings, sites: Object.fromEntries(sites) };
    const deployments = ['berlin', 'paris', 'rome'].map((name) => `~ ${name}-deployment (Deployment)`);
    expect([...(await up())].sort()).toEqual(deployments);
  });

  test('the state holds no secret that was made', { timeout: cycleMs }, async () => {
    const state = readFileSync(stateFile(stack.place), 'utf8');
    expect(state).toContain('paris-deployment');
    for (const secret of [adminToken, ...(await secretsIn(environment))]) expect(state).not.toContain(secret);
  });

  test('destroy leaves nothing', { timeout: cycleMs }, async () => {
    await stack.destroy();
    for (const { api } of environment.clusters.values()) {
      const left = (await api.list('/api/v1/namespaces')).map(({ metadata }) => metadata.name);
      expect(left.filter((name) => name.startsWith('portolan-'))).toEqual([]);
      const volumes = () => api.list('/api/v1/persistentvolumes');
      await vi.waitFor(async () => expect(await volumes()).toEqual([]), { timeout: 30_000 });
    }
  });
});

const rome = {
  site: 'paris',
  url: 'https://rome-gw.example.com',
  callerCidrs: ['10.0.0.0/8'],
  certificate: { secretRef: 'public-tls' },
};

/** Every value of every Secret of ours, as text and as the API shows it. */
async function secretsIn({ clusters }: Environment): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { api } of clusters.values()) {
    for (const { metadata, data = {} } of await api.list<SecretObject>('/api/v1/secrets')) {
      if (!metadata.namespace.startsWith('portolan-')) continue;
      for (const value of Object.values(data)) found.push(value, Buffer.from(value, 'base64').toString());
    }
  }
  expect(found.length).toBeGreaterThanOrEqual(8); // kek, password, pass file, admin token
  return found;
}

interface Budget extends KubeObject {
  readonly status?: { readonly disruptionsAllowed: number };
}

interface SecretObject {
  readonly metadata: { readonly namespace: string };
  readonly data?: Readonly<Record<string, string>>;
}
