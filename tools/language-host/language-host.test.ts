// The language host under the real engine: an ESM TypeScript program by type stripping, its output and errors, a provider
// that runs by PulumiPlugin.yaml; and its end when the CLI is killed.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  cancelAbandonedLock,
  checkout,
  configureStack,
  createStack,
  hasStack,
  lockHolders,
  type Pulumi,
  pulumiFor,
  StackBusy,
  stackPlace,
  withSettingsFile,
} from '../stack/index.ts';

const run = promisify(execFile);

const project = `name: trial
runtime: { name: nodejs, options: { typescript: false, packagemanager: npm } }
main: program/index.ts
plugins: { providers: [{ name: demo, path: demo }] }
`;

const program = `import * as pulumi from '@pulumi/pulumi';
const config = new pulumi.Config();
const list: readonly string[] = await Promise.resolve(config.requireObject<string[]>('list'));
console.log('said on stdout', pulumi.runtime.isDryRun());
console.error('said on stderr');
class Thing extends pulumi.CustomResource {
  constructor(name: string) { super('demo:index:Thing', name, { size: list.length }); }
}
new Thing('thing');
export const count = list.length;
export const hidden = config.requireSecret('hidden');
if (config.get('fail')) throw new Error('the program is at fault');
if (config.get('wait')) await new Promise((resolve) => setTimeout(resolve, 600_000));
`;

const provider = `const grpc = require('@grpc/grpc-js');
const { ResourceProviderService } = require('@pulumi/pulumi/proto/provider_grpc_pb');
const pb = require('@pulumi/pulumi/proto/provider_pb');
const { PluginInfo } = require('@pulumi/pulumi/proto/plugin_pb');
const { Empty } = require('google-protobuf/google/protobuf/empty_pb');
const reply = (make) => (call, done) => done(null, make(call.request));
const server = new grpc.Server();
server.addService(ResourceProviderService, {
  handshake: reply(() => new pb.ProviderHandshakeResponse()),
  getPluginInfo: reply(() => new PluginInfo().setVersion('0.0.1')),
  checkConfig: reply((r) => new pb.CheckResponse().setInputs(r.getNews())),
  diffConfig: reply(() => new pb.DiffResponse()),
  configure: reply(() => new pb.ConfigureResponse().setSupportspreview(true)),
  check: reply((r) => new pb.CheckResponse().setInputs(r.getNews())),
  diff: reply(() => new pb.DiffResponse().setChanges(1)),
  create: reply((r) => new pb.CreateResponse().setId(r.getPreview() ? '' : 'made').setProperties(r.getProperties())),
  read: reply((r) => new pb.ReadResponse().setId(r.getId()).setProperties(r.getProperties()).setInputs(r.getInputs())),
  delete: reply(() => new Empty()),
  cancel: reply(() => new Empty()),
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => console.log(port));
`;

let root: string;
let pulumi: Pulumi;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'portolan-host-'));
  await symlink(join(checkout, 'node_modules'), join(root, 'node_modules'));
  for (const folder of ['program', 'demo']) await mkdir(join(root, folder));
  await writeFile(join(root, 'package.json'), '{ "name": "trial", "version": "1.0.0", "type": "module" }');
  await writeFile(join(root, 'Pulumi.yaml'), project);
  await writeFile(join(root, 'program', 'index.ts'), program);
  await writeFile(
    join(root, 'demo', 'PulumiPlugin.yaml'),
    'runtime: { name: nodejs, options: { typescript: false } }\n',
  );
  await writeFile(join(root, 'demo', 'package.json'), '{ "name": "demo", "version": "0.0.1", "main": "index.cjs" }');
  await writeFile(join(root, 'demo', 'index.cjs'), provider);
  pulumi = await pulumiFor(await stackPlace('trial-1', root));
  await createStack(pulumi);
});

/** A CLI that a failed test left would write into the folder while it is removed. */
const ended = new AbortController();
afterAll(async () => {
  ended.abort();
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
});

async function cli(...args: string[]): Promise<{ code: number; output: string }> {
  const { command, env, place } = pulumi;
  const whole = withSettingsFile(place, [...args, '--non-interactive', '--color', 'never']);
  const done = await run(command, whole, { cwd: root, env, signal: ended.signal }).catch(
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
  return { code: 'code' in done ? done.code : 0, output: done.stdout + done.stderr };
}

async function configure(more: Record<string, unknown> = {}): Promise<void> {
  await configureStack(pulumi.place, { list: ['a', 'b'], hidden: 'x', fail: undefined, wait: undefined, ...more });
}

test('runs an ESM TypeScript program with top-level await, and a provider by PulumiPlugin.yaml', async () => {
  await configure();
  const up = await cli('up', '--yes', '--skip-preview');
  expect(up.output).toMatch(/said on stdout false/);
  expect(up.output).toMatch(/said on stderr/);
  expect(up.output).toMatch(/demo:index:Thing/);
  expect(up.output).not.toMatch(/warning/);
  expect(up.code).toBe(0);
  expect(JSON.parse((await cli('stack', 'output', '--json')).output)).toEqual({ count: 2, hidden: '[secret]' });
  expect((await cli('preview', '--diff')).output).toMatch(/said on stdout true/);
});

test('an error of the program reaches the person once, and the CLI fails', async () => {
  await configure({ fail: 'yes' });
  const preview = await cli('preview');
  expect(preview.code).not.toBe(0);
  expect(preview.output).toMatch(/the program is at fault/);
  expect(preview.output).not.toMatch(/exited with code/);
});

test('a killed CLI takes host, program and provider with it; its lock is cancelled, a living one is not', async () => {
  await configure({ wait: 'yes' });
  const { command, env, place } = pulumi;
  const busy: ChildProcess = spawn(
    command,
    withSettingsFile(place, ['up', '--yes', '--skip-preview', '--non-interactive']),
    { cwd: root, env, stdio: 'ignore', signal: ended.signal },
  );
  await vi.waitFor(async () => expect((await processesOf(root)).length).toBeGreaterThanOrEqual(2), { timeout: 60_000 });
  await vi.waitFor(async () => expect(await lockHolders(place)).toHaveLength(1), { timeout: 60_000 });
  await expect(cancelAbandonedLock(pulumi)).rejects.toThrow(StackBusy);
  const gone = new Promise((resolve) => busy.once('exit', resolve));
  busy.kill('SIGKILL');
  await gone;
  await vi.waitFor(async () => expect(await processesOf(root)).toEqual([]), { timeout: 10_000 });
  expect(await cancelAbandonedLock(pulumi)).toHaveLength(1);
  await configure();
  const again = await cli('up', '--yes', '--skip-preview');
  expect(again.code, again.output).toBe(0);
}, 180_000);

test('the stack lies in .portolan alone, its salt survives new settings, its passphrase is nowhere but in its file', async () => {
  const { place } = pulumi;
  expect(hasStack(place)).toBe(true);
  const settings = await readFile(place.settingsFile, 'utf8');
  expect(settings).toMatch(/^encryptionsalt: /m);
  expect((await readdir(root)).sort()).toEqual([
    '.portolan',
    'Pulumi.yaml',
    'demo',
    'node_modules',
    'package.json',
    'program',
  ]);
  const passphrase = await readFile(place.passphraseFile, 'utf8');
  expect(JSON.stringify(pulumi.env)).not.toContain(passphrase);
});

/** Processes whose command line names the folder: program and provider. */
async function processesOf(folder: string): Promise<string[]> {
  const { stdout } = await run('ps', ['-eo', 'args=']);
  return stdout.split('\n').filter((line) => line.includes(folder) && line.includes('/cmd/run'));
}
