/** Each policy says what it is and why, where a person looks for it; and our own local stack keeps all of them. */
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { ResourceValidationPolicy, StackValidationPolicy } from '@pulumi/policy';
import { expect, test } from 'vitest';
import * as rules from '../components/rules/index.ts';
import { record } from '../components/test/recorded-program.ts';
import { local } from '../stacks/local.ts';
import { stackUrls, upstreamPorts } from '../tools/local/ports.ts';

const shelf = globSync('*.ts', { cwd: import.meta.dirname }).filter(
  (file) => !['index.ts', 'policy.ts', 'read-properties.ts'].includes(file) && !file.endsWith('.test.ts'),
);
const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'policies.md'), 'utf8');

test.each(shelf)('%s is mandatory, has a reason, and its line in docs/policies.md', async (file) => {
  const { policy } = (await import(join(import.meta.dirname, file))) as {
    policy: ResourceValidationPolicy | StackValidationPolicy;
  };
  expect(policy.name).toBe(basename(file, '.ts'));
  expect(policy.enforcementLevel).toBe('mandatory');
  expect(policy.description.length).toBeGreaterThan(60);
  expect(page).toContain(`\n| \`${policy.name}\` | ${policy.severity} | `);
  expect(readFileSync(join(import.meta.dirname, file), 'utf8')).toMatch(/^\/\*\*[\s*]*Why: /);
});

test('docs/policies.md names no other', () => {
  const named = [...page.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, name]) => `${name}.ts`);
  expect(named.sort()).toEqual([...shelf].sort());
});

test('the pack’s folder has no tsconfig.json, which would stop it, and its package.json a version', () => {
  expect(globSync('tsconfig.json', { cwd: import.meta.dirname })).toEqual([]);
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/), main: './main.js' });
});

test('program local keeps every rule', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'portolan-policies-'));
  try {
    const file = (name: string) => {
      writeFileSync(join(dir, name), name);
      return join(dir, name);
    };
    const settings = {
      dir: join(dir, 'stack'),
      urls: stackUrls(18_400),
      upstreamPorts: upstreamPorts(18_400),
      node: process.execPath,
      natsServer: file('nats-server'),
      controlPlaneBundle: file('control-plane.mjs'),
      gatewayBundle: file('gateway.mjs'),
      examples: join(import.meta.dirname, '..', 'examples', 'servers'),
      databaseUrl: 'postgres://portolan@127.0.0.1:5432/portolan',
    };
    const registered = await record(() => local({ program: 'local', federation: 'test', local: settings }));
    const resources = registered.map(({ type, name, inputs }) => ({ type, name, props: inputs as unknown }));
    expect(resources.length).toBeGreaterThan(20);
    const { imageByDigest, restrictedPods, noPlainSecret, noKeyMaterial, meshMutualTls, noOpen443 } = rules;
    const each = [imageByDigest, restrictedPods, noPlainSecret, noKeyMaterial, meshMutualTls, noOpen443];
    expect(each.flatMap((rule) => resources.flatMap(rule))).toEqual([]);
    expect([...rules.defaultDeny(resources), ...rules.symmetricMatrix(resources)]).toEqual([]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
