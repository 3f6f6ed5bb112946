/** Program `local` on mocks: what it declares, what it refuses, and that what it refuses leaves nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Registered, record } from '../components/test/recorded-program.ts';
import { stackPorts, stackUrls, upstreamPorts } from '../tools/local/ports.ts';
import { local } from './local.ts';
import { programNamed } from './programs.ts';
import { settingsOf } from './settings.ts';
import { SettingsError } from './settings-error.ts';

const dir = mkdtempSync(join(tmpdir(), 'portolan-stacks-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(name: string): string {
  writeFileSync(join(dir, name), name);
  return join(dir, name);
}

const settings = (change: Record<string, unknown> = {}, top: Record<string, unknown> = {}) => ({
  program: 'local',
  federation: 'test',
  ...top,
  local: {
    dir: join(dir, 'stack'),
    urls: stackUrls(18_400),
    upstreamPorts: upstreamPorts(18_400),
    node: process.execPath,
    natsServer: file('nats-server'),
    controlPlaneBundle: file('control-plane.mjs'),
    gatewayBundle: file('gateway.mjs'),
    examples: join(import.meta.dirname, '..', 'examples', 'servers'),
    databaseUrl: 'postgres://portolan@127.0.0.1:5432/portolan',
    ...change,
  },
});
const namesOf = (registered: readonly Registered[], type: string) =>
  registered.filter((one) => one.type === type).map(({ name }) => name).sort(); // biome-ignore format: short

describe('declares', () => {
  const postgres = {
    command: 'postgres',
    args: [],
    prepare: [{ command: 'prepare', args: [] }],
    passFile: '/stack/pgpass',
    url: 'postgres://portolan@127.0.0.1:18406/portolan',
  };

  test('the processes of docs/architecture.md, each port once, and just the ports that `up` looks for', async () => {
    const registered = await record(() => local(settings({ postgres, databaseUrl: undefined })));
    const processes = registered.filter(({ type }) => type === 'portolan:local:Process');
    expect(processes.map(({ name }) => name).sort()).toEqual(
      [
        'postgres', 'control-plane', 'nats', 'gateway-aws', 'gateway-azure', 'gateway-gcp', 'gateway-onprem',
        'mcp-analytics', 'mcp-m365', 'mcp-devops', 'mcp-bigquery', 'mcp-legacy',
      ].sort(), // biome-ignore format: a table
    );
    const listens = processes.flatMap(({ inputs }) => inputs.listens as string[]);
    const ports = listens.map((one) => Number(one.split(':')[1]));
    expect(ports.sort()).toEqual(
      stackPorts(18_400)
        .map(({ port }) => port)
        .sort(),
    );
    expect(listens.every((one) => one.startsWith('127.0.0.1:'))).toBe(true);
  });

  test('servers at the gateways that can reach them', async () => {
    const registered = await record(() => local(settings()));
    const servers = registered.filter(({ type }) => type === 'portolan:registry:McpServer');
    expect(Object.fromEntries(servers.map(({ inputs }) => [inputs.name, inputs.gateway]))).toEqual({
      'mcp-analytics': 'aws',
      'mcp-m365': 'azure',
      'mcp-devops': 'azure',
      'mcp-bigquery': 'gcp',
      'mcp-legacy': 'onprem',
    });
    expect(servers.every(({ inputs }) => inputs.description.length > 10)).toBe(true);
    expect(registered.find(({ name }) => name === 'mesh-peers')?.inputs.pairs).toHaveLength(6);
  });

  test('alice with everything, bob with some tools of mcp-m365 only', async () => {
    const registered = await record(() => local(settings()));
    expect(namesOf(registered, 'portolan:registry:User')).toEqual(['alice', 'bob']);
    const grants = registered.filter(({ type }) => type === 'portolan:registry:Grant').map(({ inputs }) => inputs);
    const of = (who: string) => grants.filter(({ principal }) => principal.name === who);
    expect(of('alice').map(({ server, everything }) => [server, everything])).toHaveLength(5);
    expect(of('alice').every(({ everything }) => everything === true)).toBe(true);
    expect(of('bob')).toMatchObject([{ server: 'mcp-m365', tools: ['get_calendar_events', 'list_files'] }]);
    expect(of('bob')[0]).not.toHaveProperty('everything');
  });
});

describe('refuses', () => {
  const refused: readonly [what: string, given: Record<string, unknown>, text: RegExp][] = [
    ['a URL that is none', settings({ urls: { ...stackUrls(18_400), control: 'here' } }), /local\.urls\.control: expected a URL such as .*; got "here"\./],
    ['a relative path', settings({ node: 'node' }), /local\.node: expected an absolute path; got "node"\./],
    ['an unknown key', settings({ color: 1 }), /local: there is no "color" here; remove it\./],
    ['an unknown key at the top', settings({}, { certificatLife: '1h' }), /there is no "certificatLife" here/],
    ['no database', settings({ databaseUrl: undefined }), /local: expected either postgres or databaseUrl\./],
    ['a federation that is no name', settings({}, { federation: 'My Stack' }), /federation: expected 1–63 of a-z/],
    ['no settings', { program: 'local' }, /local: expected object; got nothing\./],
  ]; // biome-ignore format: one a line
  test.each(refused)('%s', async (_what, given, text) => {
    const failed = record(() => local(given));
    await expect(failed).rejects.toThrow(SettingsError);
    await expect(failed).rejects.toThrow(/The stack's settings cannot be used:\n {2}portolan-federation/);
    await expect(failed).rejects.toThrow(text);
  });

  test('an unknown program, naming those that there are', () => {
    expect(() => programNamed('cloud')).toThrow(/program: expected one of kubernetes, local; got "cloud"/);
    expect(() => programNamed('toString')).toThrow(/expected one of kubernetes, local/);
    expect(() => programNamed(undefined)).toThrow(/got nothing/);
  });
});

test('settings are this project’s keys; objects are parsed', () => {
  const config = {
    'portolan-federation:program': 'local',
    'portolan-federation:local': '{"a":[1]}',
    'aws:region': 'x',
  };
  expect(settingsOf(config)).toEqual({ program: 'local', local: { a: [1] } });
});
