/** The pack under the real engine, started by our language host: what passes, what is refused and how a person reads it, and unknowns. */
import { readFileSync } from 'node:fs';
import { CustomResource, type Output } from '@pulumi/pulumi';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Declared } from '../components/rules/index.ts';
import {
  declared,
  denyAll,
  deployment,
  gatewayConfigMap,
  gatewayPod,
  peerMatrix,
  peerPolicy,
  secret,
  service,
  type Value,
} from '../components/test/manifests.ts';
import { findPulumi } from '../provider/test/engine.ts';
import { PolicyEngine } from './test/policy-engine.ts';

const pulumi = findPulumi();

const good = (): Declared[] => [
  ...['aws', 'azure'].flatMap((plane) => [denyAll(plane), deployment(gatewayPod(), plane)]),
  peerPolicy('aws', 'azure'),
  peerPolicy('azure', 'aws'),
  peerMatrix(['aws', 'azure']),
  gatewayConfigMap(),
  service(),
];

class Made extends CustomResource {
  declare readonly metadata: Output<{ uid: string }>;

  constructor({ type, props }: Declared, name: string) {
    super(type, name, { ...(props as Value), metadata: (props as Value).metadata });
  }
}

const make = (resource: Declared, name: string) => new Made(resource, name);
const uidOf = ({ metadata }: Made) => metadata.uid;
const program = (resources: readonly Declared[]) => () =>
  resources.forEach((one, index) => {
    make(one, `r${index}`);
  });

describe.skipIf(pulumi === undefined)('under the real engine', () => {
  let engine: PolicyEngine;
  beforeEach(() => {
    engine = new PolicyEngine(pulumi ?? '');
  });
  afterEach(() => engine[Symbol.asyncDispose]());

  test('a program that keeps every rule goes up, and down', async () => {
    const { passed, output: said } = await engine.run(program(good()), 'up');
    expect(said).toMatch(/portolan@v0\.1\.0 \(local/);
    expect(said).not.toMatch(/can't run/);
    expect(passed, said).toBe(true);
    await (await engine.stack(async () => {})).destroy();
  }, 240_000);

  test('a violation is refused before its resource is made, in words that say what to do', async () => {
    const tagged = gatewayPod({ container: { image: 'registry.example.com/portolan/gateway:1.2.3' } });
    const { passed, output: said } = await engine.run(program([deployment(tagged, 'gcp')]), 'up');
    expect(passed).toBe(false);
    expect(await engine.made()).toEqual(['pulumi:pulumi:Stack']);
    expect(said).toContain('[mandatory]');
    expect(said).toContain('image-by-digest');
    expect(said).toContain('because a tag can be moved to other bytes');
    expect(said).toContain('spec.template.spec.containers[0].image: expected an image by digest');
    expect(said).toContain('`crane digest registry.example.com/portolan/gateway:1.2.3`');
  }, 240_000);

  test('what only an update knows is refused by nothing, and hides nothing beside it', async () => {
    const withUnknown = (change: (uid: Output<string>) => Declared) => () => {
      program(good())();
      const namespace = make(declared('kubernetes:core/v1:Namespace', { metadata: { name: 'other' } }), 'namespace');
      make(change(uidOf(namespace)), 'unknown');
    };
    const unsure = withUnknown((uid) =>
      deployment(
        gatewayPod({ container: { image: uid, env: [{ name: 'TOKEN', value: uid }] }, context: { privileged: uid } }),
      ),
    );
    const preview = await engine.run(unsure, 'preview');
    expect(preview.output).not.toMatch(/can't run/);
    expect(preview.passed, preview.output).toBe(true);
    const up = await engine.run(unsure, 'up');
    expect(up.output).toContain('containers[0].image: expected an image by digest');
    expect(up.output).toContain('containers[0].env[0].value: expected TOKEN not to have a literal value');
    expect(up.passed).toBe(false);

    const beside = withUnknown((uid) => deployment(gatewayPod({ container: { image: 'gateway:1', tty: uid } })));
    const { passed, output } = await engine.run(beside, 'preview');
    expect(output).toContain('containers[0].image: expected an image by digest');
    expect(passed).toBe(false);
  }, 240_000);

  test('every policy is asked, and each can be loosened by its name in the policy configuration of a stack', async () => {
    const { password, bad } = broken();
    const refused = await engine.run(program(bad), 'preview');
    expect(refused.passed).toBe(false);

    const names = policyNames();
    const loose = Object.fromEntries(names.map((name) => [name, 'advisory']));
    const told = await engine.run(program(bad), 'preview', loose);
    expect(told.passed, told.output).toBe(true);
    expect(names.filter((name) => !new RegExp(`\\[advisory\\].*${name} `).test(told.output))).toEqual([]);
    for (const output of [refused.output, told.output]) expect(output).not.toContain(password);

    const { 'default-deny': _, ...others } = Object.fromEntries(names.map((name) => [name, 'disabled']));
    const left = await engine.run(program(bad), 'preview', others);
    expect(left.passed).toBe(false);
    expect(left.output).toMatch(/\[mandatory\].*default-deny /);
  }, 240_000);
});

/** One resource at least for each policy. */
function broken(): { password: string; bad: readonly Declared[] } {
  const password = 'correct-horse-battery';
  const bad = [
    deployment(gatewayPod({ container: { image: 'gateway:1' }, context: { privileged: true } }), 'gcp'),
    secret({ stringData: { password } }),
    declared('tls:index/privateKey:PrivateKey', { algorithm: 'ECDSA' }),
    gatewayConfigMap({ listen: { insecureLoopback: '0.0.0.0:80' } }),
    peerPolicy('aws', 'azure'),
    peerPolicy('azure', 'aws', { egress: [] }),
    peerMatrix(['aws', 'azure']),
    service({ loadBalancerSourceRanges: [] }),
  ];
  return { password, bad };
}

/** By the shelf. */
function policyNames(): string[] {
  const shelf = readFileSync(`${import.meta.dirname}/index.ts`, 'utf8');
  return [...shelf.matchAll(/from '\.\/([a-z0-9-]+)\.ts'/g)].map(([, name]) => name ?? '');
}
