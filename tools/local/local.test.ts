// The decisions of the commands for a local stack, without an engine: options, ports, events, database, report.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CommandFailed } from './command-failed.ts';
import { readEvent } from './engine-events.ts';
import type { LocalFile } from './local-file.ts';
import { portBaseOf, readOptions } from './options.ts';
import { stackPorts, takenPorts } from './ports.ts';
import { table, upReport, workday } from './report.ts';
import { chooseDatabase } from './settings.ts';

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

const upOptions = { 'port-base': { type: 'string' }, verbose: { type: 'boolean' } } as const;
const read = (...args: string[]) => readOptions('up', args, upOptions, 0, {});

test('the stack is --stack, else PORTOLAN_STACK, else local', () => {
  expect(read().stack).toBe('local');
  expect(read('--stack', 'demo').stack).toBe('demo');
  expect(readOptions('up', [], {}, 0, { PORTOLAN_STACK: 'other' }).stack).toBe('other');
});

test.each([
  [['--colour', 'blue'], /--colour/],
  [['--stack'], /--stack/],
  [['demo'], /unexpected "demo"/],
])('options %j are refused, naming them and the help', (args, message) => {
  expect(() => read(...args)).toThrow(message);
  expect(() => read(...args)).toThrow(/--help/);
});

test.each(['abc', '80', '70000', '65500', '-1', '1e4', ''])(
  '--port-base "%s" is refused with what was expected',
  (value) => {
    expect(() => portBaseOf(read(`--port-base=${value}`))).toThrow(/expected a whole number from 1024 to 65436/);
  },
);

test('--port-base is a number or absent', () => {
  expect(portBaseOf(read('--port-base', '19400'))).toBe(19_400);
  expect(portBaseOf(read())).toBeUndefined();
});

test('a local stack has 28 ports, none twice', () => {
  const ports = stackPorts(18_400).map(({ port }) => port);
  expect(new Set(ports).size).toBe(28);
  expect(Math.max(...ports)).toBe(18_484);
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
  [step('create', 'portolan:index:Process'), { kind: 'step', line: '+ gateway-aws (Process)' }],
  [step('update', 'portolan:index:Gateway'), { kind: 'step', line: '~ gateway-aws (Gateway)' }],
  [step('same', 'portolan:index:Process'), undefined],
  [step('same', 'portolan:registry:User'), { kind: 'user', name: 'gateway-aws' }],
  [step('refresh', 'portolan:registry:User'), undefined],
  [step('refresh', 'portolan:index:Process'), undefined],
  [step('create', 'portolan:index:GatewayPlane', ''), undefined],
  [step('create', 'pulumi:providers:portolan'), undefined],
  ['{"summaryEvent":{"resourceChanges":{"same":30,"create":1}}}', { kind: 'summary', changes: { create: 1 } }],
  ['{"summaryEvent":{"resourceChanges":{"same":31}}}', { kind: 'summary', changes: {} }],
  [
    '{"diagnosticEvent":{"severity":"error","message":"no","urn":"urn:pulumi:s::p::t::nats"}}',
    { kind: 'error', text: 'nats: no' },
  ],
  ['{"diagnosticEvent":{"severity":"debug","message":"x"}}', undefined],
  ['half a li', undefined],
])('event %s', (line, news) => {
  expect(readEvent(line)).toEqual(news === undefined ? [] : [news]);
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
