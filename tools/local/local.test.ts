// The decisions of the commands for a local stack, without an engine: ports, events, database, report.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { api } from '@portolan/core';
import { expect, test } from 'vitest';
import { LocalSettings } from '../../stacks/local-settings.ts';
import { configureStack, readConfig } from '../stack/index.ts';
import { highestPortBase } from '../start/port-range.mjs';
import { CommandFailed } from './command-failed.ts';
import { readEvent } from './engine-events.ts';
import { engineFailure } from './engine-failure.ts';
import type { LocalFile } from './local-file.ts';
import { freePortBase, stackPorts, takenPorts, upstreamPorts } from './ports.ts';
import { table, takenReport, upReport, workday } from './report.ts';
import { chooseDatabase, lastPortBase, rememberPortBase, writeSettings } from './settings.ts';
import { type Part, statusReport } from './status-report.ts';

const place = {
  name: 'demo',
  project: 'portolan-federation',
  checkout: '/home/me/portolan',
  folder: '/home/me/portolan/.portolan/demo',
  state: '',
  home: '',
  passphraseFile: '',
  settingsFile: '',
};

test('a local stack has 28 ports, none twice', () => {
  const ports = stackPorts(18_400).map(({ port }) => port);
  expect(new Set(ports).size).toBe(28);
  expect(Math.max(...upstreamPorts(highestPortBase))).toBe(65_535);
  expect(stackPorts(18_400).find(({ port }) => port === 18_421)?.use).toBe('gateway-azure, loopback HTTP');
});

test('a taken port is told with its use and its holder; our own is not in the way', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const taken = await takenPorts(port - 10, new Set());
  expect(taken.find((one) => one.port === port)).toMatchObject({
    use: 'gateway-aws, TLS',
    holder: expect.stringContaining(String(process.pid)),
  });
  expect((await takenPorts(port - 10, new Set([process.pid]))).map((one) => one.port)).not.toContain(port);
  server.close();
});

test('the first line names one taken port and who has it; the last is a command with ports that are free', async () => {
  const holder = 'process 7 (node sail.mjs)';
  const at = (port: number) => ({ port, use: 'nats, clients', holder });
  const text = takenReport('two', [at(18_404), at(18_410), at(18_411), at(18_412)], 18_500);
  expect(text.split('\n')).toEqual([
    `Port 18404, which stack two needs for nats, clients, is taken by ${holder}.`,
    '3 more of its ports are taken, by the same: 18410-18412.',
    'End what holds them, or use other ports, such as these, which are free:',
    '',
    '  npm run up -- --stack two --port-base 18500',
    '',
  ]);
  expect(takenReport('local', [at(18_404)], undefined)).toMatch(/npm run up -- --port-base N/);
});

test('a base is free only where each of its ports is', async () => {
  const base = (await freePortBase(30_000)) ?? 0;
  const server = createServer().listen(base + 84, '127.0.0.1');
  await once(server, 'listening');
  expect(await freePortBase(base - 100)).toBeGreaterThan(base);
  server.close();
});

const step = (op: string, type: string, provider = 'p') =>
  JSON.stringify({
    resOutputsEvent: {
      metadata: {
        op,
        type,
        provider,
        urn: `urn:pulumi:s::p::${type}::gateway-aws`,
        new: { inputs: { name: 'gateway-aws' } },
      },
    },
  });

test.each([
  [step('create', 'portolan:index:Process'), { kind: 'step', line: '+ gateway-aws (Process)', change: 'created' }],
  [step('update', 'portolan:index:Gateway'), { kind: 'step', line: '~ gateway-aws (Gateway)', change: 'updated' }],
  [step('same', 'portolan:index:Process'), undefined],
  [step('same', 'portolan:registry:User'), { kind: 'user', name: 'gateway-aws' }],
  [step('refresh', 'portolan:registry:User'), undefined],
  [step('refresh', 'portolan:index:Process'), undefined],
  [step('create', 'portolan:index:GatewayPlane', ''), undefined],
  [step('create', 'pulumi:providers:portolan'), undefined],
  [
    step('create-replacement', 'portolan:index:Gateway'),
    { kind: 'step', line: '± gateway-aws (Gateway)', change: 'replaced' },
  ],
  [step('replace', 'portolan:index:Gateway'), undefined],
  [step('delete-replaced', 'portolan:index:Gateway'), undefined],
  [
    step('delete', 'portolan:index:Gateway').replace('resOutputsEvent', 'resOpFailedEvent'),
    { kind: 'step', line: '- gateway-aws (Gateway) failed', change: 'failed' },
  ],
  [
    '{"diagnosticEvent":{"severity":"error","message":"no","urn":"urn:pulumi:s::p::t::nats"}}',
    { kind: 'error', text: 'nats: no' },
  ],
  ['{"diagnosticEvent":{"severity":"debug","message":"x"}}', undefined],
  ['half a li', undefined],
])('event %s', (line, news) => {
  expect(readEvent(line)).toEqual(news === undefined ? [] : [news]);
});

const thrown = `Running program '/home/me/portolan/stacks/index.ts' failed with an unhandled exception:
<ref *1> TypeError: Cannot read properties of undefined (reading 'url')
    at servers (file:///home/me/portolan/stacks/my-servers.ts:9:5)
    at local (file:///home/me/portolan/stacks/local.ts:49:41)
    at file:///home/me/portolan/stacks/index.ts:10:29
    at allOrNothing (file:///home/me/portolan/stacks/all-or-nothing.ts:15:21)
    at Stack.initialize (/home/me/portolan/node_modules/@pulumi/runtime/stack.ts:78:28) {
  promise: Promise { <rejected> [Circular *1] }
}
`;
const unparsed = `Running program '/home/me/portolan/stacks/index.ts' failed with an unhandled exception:
file:///home/me/portolan/stacks/local.ts:49

  const x = ;
            ^

SyntaxError: Expression expected
`;
const failed = (...texts: string[]) => texts.map((text) => ({ kind: 'error', text }) as const);

test.each([
  [
    thrown,
    `The stack's program failed:
TypeError: Cannot read properties of undefined (reading 'url')
    at servers (stacks/my-servers.ts:9:5)
    at local (stacks/local.ts:49:41)`,
  ],
  [
    unparsed,
    `The stack's program failed:
stacks/local.ts:49

  const x = ;
            ^

SyntaxError: Expression expected`,
  ],
  ['Grant(g).server: expected a McpServer.\n', 'Grant(g).server: expected a McpServer.'],
])('an error of the program is shown with its place in the program, and the advice fits', (text, shown) => {
  expect(engineFailure(failed(text), 'noise', place.checkout).message).toBe(
    `${shown}\n\nNothing was changed. Correct this, then run the command again.`,
  );
});

test('an error of a resource is told once, without the engine’s echo; where nothing is known, the engine’s output is', () => {
  const step = { kind: 'step', line: '+ nats (Process) failed', change: 'failed' } as const;
  const told = engineFailure([step, ...failed('nats: no', 'nats: no', 'update failed\n')], 'noise', place.checkout);
  expect(told.causes).toBe('nats: no');
  expect(told.message).toMatch(/^nats: no\n\nPulumi did not finish; what is done stays done/);
  expect(engineFailure([], 'error: passphrase must be set', place.checkout).causes).toBe(
    'error: passphrase must be set',
  );
});

test.each(['postgres://me:secret@db/portolan', 'postgres://me@db/portolan?password=secret'])(
  'a database URL with a password is refused and not repeated',
  async (url) => {
    const failure = await chooseDatabase(place, 1, { DATABASE_URL: url }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CommandFailed);
    expect(String(failure)).toMatch(/PGPASSFILE/);
    expect(String(failure)).not.toContain('secret');
  },
);

test('a database of one’s own is used with its password file; else npm’s', async () => {
  const env = { DATABASE_URL: 'postgres://me@db/portolan', PGPASSFILE: '/home/me/.pgpass' };
  expect(await chooseDatabase(place, 1, env)).toEqual({ databaseUrl: env.DATABASE_URL, passFile: env.PGPASSFILE });
  expect(await chooseDatabase(place, 18_406, {})).toMatchObject({
    postgres: { url: 'postgres://portolan@127.0.0.1:18406/portolan' },
  });
  await expect(chooseDatabase(place, 1, { DATABASE_URL: 'mysql://db' })).rejects.toThrow(/expected postgres:/);
});

test('the ports of a first `up` are remembered before anything else is, and beside what is there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-local-'));
  const own = { ...place, folder, settingsFile: join(folder, 'stack', 'Pulumi.demo.yaml') };
  try {
    expect(await lastPortBase(own)).toBeUndefined();
    await rememberPortBase(own, 19_400);
    expect(await lastPortBase(own)).toBe(19_400);
    await configureStack(own, { certificateLife: '90s' });
    await rememberPortBase(own, 20_400);
    expect(await lastPortBase(own)).toBe(20_400);
    expect(await readConfig(own, 'certificateLife')).toBe('90s');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a stack that an older `up` made keeps its ports, and the program can read what `up` writes over its settings', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-local-'));
  const own = { ...place, folder, settingsFile: join(folder, 'stack', 'Pulumi.demo.yaml') };
  try {
    await configureStack(own, { local: { dir: folder, portBase: 19_400, node: process.execPath } });
    expect(await lastPortBase(own)).toBe(19_400);
    await rememberPortBase(own, 20_400);
    expect(await lastPortBase(own)).toBe(20_400);
    const bundles = { controlPlane: '/control-plane.mjs', gateway: '/gateway.mjs' };
    const database = { databaseUrl: 'postgres://me@db/portolan' };
    await writeSettings(own, { portBase: 20_400, natsServer: '/nats-server', bundles, database });
    const local = await readConfig(own, 'local');
    expect(LocalSettings.safeParse({ program: 'local', federation: 'demo', local }).error).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the report prints one command that reads the token from a file, and no token', () => {
  const doors = { url: 'http://127.0.0.1:18411', tlsUrl: 'https://localhost:18410' };
  const local: LocalFile = {
    controlPlane: doors,
    gateways: { aws: doors },
    caFile: join(place.folder, 'control-plane/site/ca.crt'),
    adminToken: 'ptl_pat_admin',
    users: { alice: { token: 'ptl_pat_alice' } },
    processes: [],
  };
  const text = upReport(place, local, new Date('2026-11-21T12:00:00Z'));
  expect(text).toContain('curl -s http://127.0.0.1:18411/mcp/mcp-m365');
  expect(text).toContain('-H @.portolan/demo/tokens/alice.header');
  expect(text).toContain('"date":"2026-11-23"');
  expect(text).not.toMatch(/ptl_/);
});

test('a table is as wide as its cells; a workday is never a weekend', () => {
  expect(
    table([
      ['A', 'B'],
      ['long cell', 'x'],
    ]),
  ).toBe('A          B\nlong cell  x');
  const days = ['20', '21', '22', '23'].map((day) => workday(new Date(`2026-11-${day}T12:00:00Z`)));
  expect(days).toEqual(['2026-11-20', '2026-11-23', '2026-11-23', '2026-11-23']);
});

test('status says of each gateway whether it is current, by its own count, and when it was heard from', () => {
  const gateway = { revision: 7, appliedRevision: 7, lag: 0, connected: true, drift: false } as const;
  const parts: readonly Part[] = [
    { name: 'control-plane', health: 'ready', pid: 11 },
    {
      name: 'gateway-aws',
      health: 'ready',
      pid: 12,
      gateway: { ...gateway, lastReportAt: '2026-11-23T12:00:00.000Z' },
    },
    {
      name: 'gateway-gcp',
      health: 'not running',
      pid: 13,
      gateway: { ...gateway, appliedRevision: 5, lag: 2, connected: false, lastReportAt: '2026-11-23T09:00:00.000Z' },
    },
  ];
  expect(statusReport(parts, null, new Date('2026-11-23T12:00:04Z')).split('\n')).toEqual([
    'PART           HEALTH       PID  SNAPSHOT                                   HEARD FROM',
    'control-plane  ready        11',
    'gateway-aws    ready        12   current (revision 7)                       4 s ago',
    'gateway-gcp    not running       2 behind (revision 5 of 7), not connected  3 h ago',
  ]);
  const blind = statusReport([{ name: 'gateway-aws', health: 'ready', pid: 12, gateway: null }], null, new Date());
  expect(blind).toMatch(/unknown[\s\S]*control plane does not tell/);
});

test('status says of each MCP server what its gateway found, in 120 columns', () => {
  const unknown: api.McpServerStatus = {
    name: 'mcp-legacy',
    gateway: 'onprem',
    reachable: null,
    era: null,
    eraCheckedAt: null,
    protocolVersions: null,
    serverInfo: null,
    tools: null,
    latencyMs: null,
    checkedAt: null,
    lastError: null,
  };
  const checkedAt = '2026-11-23T12:00:00.000Z';
  const lastError = { code: 'upstream_out_of_reach', message: 'x', at: '2026-11-23T11:00:00.000Z' };
  const well = { ...unknown, reachable: true, tools: 12, checkedAt };
  const servers: readonly api.McpServerStatus[] = [
    { ...well, name: 'mcp-analytics', gateway: 'aws', era: 'dual', protocolVersions: ['2026-07-28', '2025-11-25'] },
    unknown,
    { ...well, name: 'mcp-m365', gateway: 'azure', era: 'modern', protocolVersions: ['2026-07-28'], lastError },
    {
      ...unknown,
      name: 'mcp-old',
      reachable: false,
      era: 'http+sse',
      protocolVersions: ['2024-11-05'],
      checkedAt,
      lastError,
    },
  ];
  const told = { mcpServers: [...servers], certificates: [] };
  const lines = statusReport([], told, new Date('2026-11-23T12:00:04Z')).split('\n').slice(2);
  expect(lines).toEqual([
    'MCP SERVER     GATEWAY  REACHABLE  ERA       VERSIONS       TOOLS  CHECKED  LAST ERROR',
    'mcp-analytics  aws      yes        dual      2026-07-28 +1  12     4 s ago',
    'mcp-legacy     onprem   unknown    -         -              -',
    'mcp-m365       azure    yes        modern    2026-07-28     12     4 s ago  upstream_out_of_reach, 60 min ago',
    'mcp-old        onprem   NO         http+sse  2024-11-05     -      4 s ago  upstream_out_of_reach, 60 min ago',
  ]);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(120);
});

test('status shows the certificates that are ordered, and which of them somebody must look at', () => {
  const none = { name: null, notAfter: null, renewAt: null, late: false, failures: 0, lastError: null };
  const at = '2026-11-23T12:00:00Z';
  const certificates = [
    { ...none, plane: 'aws' },
    {
      ...none,
      plane: 'control',
      name: 'control.example.com',
      notAfter: '2026-11-24T12:00:00.000Z',
      late: true,
      failures: 2,
      lastError: { message: 'REFUSED', at, nextTryAt: at },
    },
  ];
  const told = { mcpServers: [], certificates };
  expect(statusReport([], told, new Date('2026-11-23T12:00:04Z')).split('\n').slice(2)).toEqual([
    'CERTIFICATE OF  NAME                 ENDS                            LAST ERROR',
    'aws             -                    none yet',
    'control         control.example.com  2026-11-24T12:00:00.000Z, LATE  REFUSED, 4 s ago',
  ]);
});
