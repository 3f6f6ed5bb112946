import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { enrolmentSecret, RegistryStandIn } from '../test/registry-stand-in.ts';
import { type Resource, type RunningProvider, startProvider } from '../test/running-provider.ts';
import type { Properties } from '../wire.ts';

const of = (kind: string, name = 'one'): Resource => ({ type: `portolan:registry:${kind}`, name });
let provider: RunningProvider;
let registry: RegistryStandIn;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider[Symbol.asyncDispose]());
beforeEach(async () => {
  registry = await (await new RegistryStandIn().reserve()).start();
  provider.warnings.length = 0;
});
afterEach(() => registry[Symbol.asyncDispose]());

async function create(resource: Resource, given: Properties) {
  const { values, failures } = await provider.check(resource, { control: registry.control, ...given });
  expect(failures).toEqual([]);
  return { inputs: values, ...(await provider.create(resource, values)) };
}

const workload = (jwks: object, more: object = {}): Properties => ({
  issuer: 'https://oidc.cluster.example/id/1',
  jwks,
  audience: 'https://control.example',
  namespace: 'portolan-aws',
  serviceAccount: 'gateway',
  ...more,
});

const everyKind: readonly [kind: string, path: string, inputs: Properties, change: Properties][] = [
  [
    'McpServer',
    '/mcp-servers/one',
    { name: 'one', url: 'http://up.internal', gateway: 'aws' },
    { description: 'x', tools: { exclude: ['drop_*'] } },
  ],
  ['User', '/users/one', { name: 'one', displayName: 'One' }, { displayName: 'Two' }],
  ['VirtualAccount', '/virtual-accounts/one', { name: 'one', owner: 'alice' }, { owner: 'bob' }],
  [
    'Grant',
    '/grants/one',
    { name: 'one', principal: { kind: 'user', name: 'alice' }, server: 'm365', tools: ['get_*'] },
    { tools: ['get_*', 'list_*'] },
  ],
  ['PeerMatrix', '/peer-matrix', { pairs: [['aws', 'azure']] }, { pairs: [['aws', 'gcp']] }],
  ['Gateway', '/gateways/one', { name: 'one', url: 'https://gw.example' }, { description: 'x' }],
  [
    'Gateway',
    '/gateways/one',
    { name: 'one', url: 'https://gw.example', workloadIdentity: workload({ url: 'https://issuer.example/jwks' }) },
    {
      workloadIdentity: workload({ keys: [{ kty: 'RSA', kid: 'k', n: 'AQAB', e: 'AQAB', alg: 'RS256', use: 'sig' }] }),
    },
  ],
];

describe.each(everyKind)('%s', (kind, path, given, change) => {
  test('create, read, update, read, delete', async () => {
    const { id, inputs, state } = await create(of(kind), given);
    expect(registry.entries.has(path)).toBe(true);
    const found = await provider.read(of(kind), id, inputs, state);
    expect(found).toEqual({ id, inputs, state });

    const news = { ...inputs, ...change };
    expect((await provider.diff(of(kind), inputs, news)).replaces).toEqual([]);
    const updated = await provider.update(of(kind), id, inputs, news);
    expect(registry.entries.get(path)).toMatchObject(change);
    expect(await provider.read(of(kind), id, news, updated.state)).toEqual({ id, inputs: news, state: updated.state });

    await provider.delete(of(kind), id, news);
    expect((await provider.read(of(kind), id, news)).id).toBe('');
    await provider.delete(of(kind), id, news); // its 404 is fine
  });

  test('a preview asks nothing', async () => {
    await provider.create(of(kind), { control: registry.control, ...given }, true);
    expect(registry.asked).toEqual([]);
  });

  test('what was changed behind our back is drift', async () => {
    const { id, inputs, state } = await create(of(kind), given);
    registry.entries.set(path, { ...registry.entries.get(path), ...change });
    const found = await provider.read(of(kind), id, inputs, state);
    const { paths } = await provider.diff(of(kind), found.inputs, inputs);
    expect(paths.map((one) => one.split(/[.[]/)[0])).toContain(Object.keys(change)[0]);
  });

  test('a control plane that is down keeps the stored state, with a warning', async () => {
    const { id, inputs, state } = await create(of(kind), given);
    await registry.stop();
    expect(await provider.read(of(kind), id, inputs, state)).toEqual({ id, inputs, state });
    expect(provider.warnings).toEqual([expect.stringMatching(/last known state is kept.*does not answer/)]);
  });
});

test('another name is another entry', async () => {
  const olds = { control: registry.control, name: 'one', displayName: 'x' };
  expect((await provider.diff(of('User'), olds, { ...olds, name: 'two' })).replaces).toEqual(['name']);
});

test('create waits for a control plane that is starting', async () => {
  await registry.stop();
  const created = create(of('User'), { name: 'one' });
  await registry.start();
  expect((await created).id).toBe('one');
});

test('only the control plane’s own 404 means gone', async () => {
  const { id, inputs, state } = await create(of('User'), { name: 'one' });
  await registry.stop();
  const stranger = createServer((_request, response) => response.writeHead(404).end('nginx'));
  await new Promise<void>((resolve) =>
    stranger.listen(Number(new URL(registry.control.url).port), '127.0.0.1', resolve),
  );
  expect((await provider.read(of('User'), id, inputs, state)).id).toBe('one');
  stranger.closeAllConnections();
  await new Promise((resolve) => stranger.close(resolve));
});

test('a refusal says what was asked, what was answered, and no secret', async () => {
  writeFileSync(registry.control.adminTokenFile, 'ptl_wrong_secret');
  const failed = create(of('User'), { name: 'one' });
  await expect(failed).rejects.toThrow(/refused PUT \/users\/one \(401\): Unknown token\./);
  await expect(failed).rejects.not.toThrow(/ptl_wrong_secret/);
});

test('order of pairs means nothing', async () => {
  const { id, inputs, state } = await create(of('PeerMatrix'), { pairs: [['gcp', 'aws'], ['azure', 'aws']] }); // biome-ignore format: short
  expect(inputs.pairs).toEqual([['aws', 'azure'], ['aws', 'gcp']]); // biome-ignore format: short
  registry.entries.set('/peer-matrix', { pairs: [['gcp', 'aws'], ['azure', 'aws']] }); // biome-ignore format: short
  expect((await provider.read(of('PeerMatrix'), id, inputs, state)).inputs).toEqual(inputs);
});

describe('check', () => {
  const rsa = { kty: 'RSA', kid: 'k', n: 'AQAB', e: 'AQAB' };
  const gateway = (more: object): Properties => {
    const workloadIdentity = workload({ keys: [rsa] }, more);
    return { name: 'aws', url: 'https://x.example', workloadIdentity };
  };
  const refused: readonly [kind: string, inputs: Properties, reason: string][] = [
    ['User', { name: 'One' }, 'User(one).name: expected 1–63 of a-z'],
    ['Gateway', { name: 'control', url: 'https://x.example' }, `Gateway(one).name: "control" is the control plane's name`],
    ['Gateway', { name: 'aws', url: 'http://x.example' }, 'Gateway(one).url: expected'],
    ['Gateway', { name: 'aws', url: 'https://x.example', certificate: 'files' }, 'Gateway(one).certificate: expected "acme"'],
    ['McpServer', { name: 'm', url: 'ftp://x', gateway: 'aws' }, 'McpServer(one).url: expected'],
    ['Grant', { name: 'g', principal: { kind: 'user', name: 'a' }, server: 's' }, 'Grant(one): expected either everything: true'],
    ['Grant', { name: 'g', principal: { kind: 'team', name: 'a' }, server: 's', everything: true }, 'Grant(one).principal.kind: expected "user" or "virtual-account"; got "team"'],
    ['User', { name: 'a', colour: 1 }, 'User(one): there is no "colour" here'],
    ['Gateway', gateway({ namespace: 'A' }), 'Gateway(one).workloadIdentity.namespace: expected the name of a Kubernetes namespace; got "A"'],
    ['Gateway', gateway({ audience: undefined }), 'Gateway(one).workloadIdentity.audience: expected string; got nothing'],
    ['Gateway', gateway({ issuer: 'two words' }), 'Gateway(one).workloadIdentity.issuer: expected 1 to 512 printable'],
    ['Gateway', gateway({ jwks: {} }), 'Gateway(one).workloadIdentity.jwks: expected either url or keys'],
    ['Gateway', gateway({ jwks: { url: 'https://x.example', keys: [rsa] } }), 'Gateway(one).workloadIdentity.jwks: expected either url or keys'],
    ['Gateway', gateway({ jwks: { url: 'http://x.example' } }), 'Gateway(one).workloadIdentity.jwks.url: expected a URL'],
    ['Gateway', gateway({ jwks: { url: 'https://me:hidden@x.example' } }), 'Gateway(one).workloadIdentity.jwks.url: expected an https URL without user'],
    ['Gateway', gateway({ jwks: { keys: [{ ...rsa, d: 'hidden' }] } }), 'Gateway(one).workloadIdentity.jwks.keys[0]: there is no "d" here'],
    ['Gateway', gateway({ jwks: { keys: [rsa, { kty: 'oct', k: 'hidden' }] } }), 'Gateway(one).workloadIdentity.jwks.keys[1].kty: expected a public key of kty RSA, EC or OKP'],
  ]; // biome-ignore format: one a line
  test.each(refused)('%s %j', async (kind, inputs, reason) => {
    const { failures } = await provider.check(of(kind), { control: registry.control, ...inputs });
    expect(failures.map((one) => one.reason)).toEqual([expect.stringContaining(reason)]);
    expect(JSON.stringify(failures)).not.toContain('hidden');
  });

  test('the admin token goes over https or loopback only', async () => {
    const control = { ...registry.control, url: 'http://control.example' };
    const { failures } = await provider.check(of('User'), { control, name: 'one' });
    expect(failures[0]?.reason).toMatch(/User\(one\)\.control\.url: expected https/);
  });
});

describe('enrolment', () => {
  const gateway = () => ({
    name: 'one',
    url: 'https://gw.example',
    enrolmentFile: join(registry.dir, 'gateways', 'one.enrolment.json'),
  });
  const enrolments = () => registry.asked.filter((asked) => asked === 'POST /gateways/one/enrolments').length;
  const updatePaths = async (inputs: Properties, id: string) => {
    const found = await provider.read(of('Gateway'), id, inputs);
    return (await provider.diff(of('Gateway'), found.inputs, inputs)).paths;
  };

  test('is written for the owner alone, and is no part of the state', async () => {
    const { inputs, state } = await create(of('Gateway'), gateway());
    const file = String(inputs.enrolmentFile);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ gateway: 'one', token: enrolmentSecret });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.stringify(state)).not.toContain(enrolmentSecret);
  });

  test('a gateway whose pods enrol by their tokens needs none', async () => {
    const workloadIdentity = workload({ url: 'https://issuer.example/jwks' });
    const { id, inputs } = await create(of('Gateway'), { name: 'one', url: 'https://gw.example', workloadIdentity });
    expect(await updatePaths(inputs, id)).toEqual([]);
    const news = { ...inputs, workloadIdentity: { ...workloadIdentity, namespace: 'other' } };
    expect(await provider.diff(of('Gateway'), inputs, news)).toMatchObject({
      paths: ['workloadIdentity.namespace'],
      replaces: [],
    });
    const { workloadIdentity: _, ...without } = inputs;
    await provider.update(of('Gateway'), id, inputs, without);
    expect(registry.entries.get('/gateways/one')).not.toHaveProperty('workloadIdentity');
    expect(enrolments()).toBe(0);
  });

  test('a used one is not asked for again', async () => {
    const { id, inputs } = await create(of('Gateway'), gateway());
    rmSync(String(inputs.enrolmentFile));
    registry.enrolled.add('one');
    registry.entries.set('/gateways/one', { ...registry.entries.get('/gateways/one'), enrolled: true });
    expect(await updatePaths(inputs, id)).toEqual([]);
  });

  test('a gateway whose identity is gone from this machine is enrolled anew, whatever the registry says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'identity-'));
    const identityFile = join(folder, 'identity.json');
    writeFileSync(identityFile, '{}');
    const { id, inputs } = await create(of('Gateway'), { ...gateway(), identityFile });
    rmSync(String(inputs.enrolmentFile));
    registry.enrolled.add('one');
    registry.entries.set('/gateways/one', { ...registry.entries.get('/gateways/one'), enrolled: true });
    expect(await updatePaths(inputs, id)).toEqual([]);
    rmSync(folder, { recursive: true });
    expect(await updatePaths(inputs, id)).toEqual(['enrolmentFile']);
    await provider.update(of('Gateway'), id, inputs, inputs);
    expect(enrolments()).toBe(2);
  });

  test.each(['missing', 'expired'])('a %s one is drift, and an update writes it anew', async (how) => {
    registry.enrolmentLifeMs = how === 'expired' ? -1_000 : 3_600_000;
    const { id, inputs } = await create(of('Gateway'), gateway());
    if (how === 'missing') rmSync(String(inputs.enrolmentFile));
    expect(await updatePaths(inputs, id)).toEqual(['enrolmentFile']);
    registry.enrolmentLifeMs = 3_600_000;
    await provider.update(of('Gateway'), id, inputs, inputs);
    expect(enrolments()).toBe(2);
    expect(await updatePaths(inputs, id)).toEqual([]);
  });

  test('a good one is kept by an update', async () => {
    const { id, inputs } = await create(of('Gateway'), gateway());
    await provider.update(of('Gateway'), id, inputs, { ...inputs, description: 'x' });
    expect(enrolments()).toBe(1);
  });

  test('a retired gateway is gone', async () => {
    const { id, inputs } = await create(of('Gateway'), gateway());
    registry.entries.set('/gateways/one', { ...registry.entries.get('/gateways/one'), status: 'retired' });
    expect((await provider.read(of('Gateway'), id, inputs)).id).toBe('');
  });
});
