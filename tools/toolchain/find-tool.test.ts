// Finding a tool: the order of the ways, what each refuses, one build for two checkouts, and the message when all fail.
// The tool is a tiny program; builds are real Go builds of it, downloads come from a real HTTP server.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { findTool, type Tool, ToolMissing, type ToolName, tools } from './index.ts';

const where = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
const hasGo = where('go') !== '';
const goCache = hasGo ? execFileSync('go', ['env', 'GOCACHE'], { encoding: 'utf8' }).trim() : '';

let root: string;
let server: Server;
let served: Map<string, Buffer>;

beforeAll(async () => {
  server = createServer((request, response) => {
    const body = served.get(request.url ?? '');
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  server.close();
});

beforeEach(async () => {
  served = new Map();
  root = await mkdtemp(join(tmpdir(), 'portolan-toolchain-'));
  return () => rm(root, { recursive: true, force: true });
});

async function script(path: string, version: string): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "v${version}"\n`);
  await chmod(path, 0o755);
  return path;
}

/** A module whose program prints its version; `broken` does not compile. */
async function goModule(source = 'package main\n\nfunc main() { println2() }\n'): Promise<string> {
  const folder = join(root, 'modules', 'nats-server');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'go.mod'), 'module example.internal/tiny\n\ngo 1.25\n');
  await writeFile(join(folder, 'go.sum'), '');
  await writeFile(join(folder, 'main.go'), source);
  return join(root, 'modules');
}

const printing = (version: string) => `package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("v${version}") }\n`;

function tiny(change: Partial<Tool> = {}): Record<ToolName, Tool> {
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const release = {
    url: `${origin}/tiny.tar.gz`,
    checksumsUrl: `${origin}/SHA256SUMS`,
    file: 'tiny.tar.gz',
    members: ['tiny-1/nats-server'],
  };
  const tool: Tool = { ...tools['nats-server'], goPackage: 'example.internal/tiny', release: () => release, ...change };
  return { ...tools, 'nats-server': tool };
}

/** A PATH that holds no nats-server, whatever this machine has. */
async function bareMachine(...programs: string[]): Promise<string> {
  const folder = join(root, 'machine');
  await mkdir(folder, { recursive: true });
  for (const program of ['sh', 'tar', 'gzip', ...programs]) {
    await symlink(where(program), join(folder, program)).catch(() => {});
  }
  return folder;
}

async function search(env: NodeJS.ProcessEnv = {}, change: Partial<Tool> = {}, signal?: AbortSignal) {
  const PATH = await bareMachine();
  const whole = { PATH, XDG_CACHE_HOME: join(root, 'cache'), HOME: root, GOCACHE: goCache, ...env };
  const modules = join(root, 'modules');
  return findTool('nats-server', { env: whole, catalogue: tiny(change), modules, ...(signal && { signal }) });
}

async function offerDownload(version: string, sum?: string): Promise<void> {
  const folder = join(root, 'release');
  await script(join(folder, 'tiny-1', 'nats-server'), version);
  execFileSync('tar', ['-czf', join(root, 'tiny.tar.gz'), '-C', folder, 'tiny-1']);
  const archive = await readFile(join(root, 'tiny.tar.gz'));
  served.set('/tiny.tar.gz', archive);
  served.set('/SHA256SUMS', Buffer.from(`${sum ?? createHash('sha256').update(archive).digest('hex')}  tiny.tar.gz\n`));
}

test('a path by environment wins over everything', async () => {
  await goModule();
  const path = await script(join(root, 'mine'), '2.15.9');
  expect(await search({ PORTOLAN_NATS_SERVER: path })).toEqual({ path, version: '2.15.9', source: 'environment' });
});

test.each([
  ['2.14.9', /it is version 2\.14\.9\. Expected nats-server >= 2\.15\.0 < 3\.0\.0/],
  ['3.0.0', /it is version 3\.0\.0/],
])('a path by environment at version %s is refused, not passed over', async (version, message) => {
  await goModule();
  const path = await script(join(root, 'mine'), version);
  await expect(search({ PORTOLAN_NATS_SERVER: path })).rejects.toThrow(message);
});

test('a path by environment that is not there is refused, naming the variable', async () => {
  await goModule();
  await expect(search({ PORTOLAN_NATS_SERVER: '/not/there' })).rejects.toThrow(
    /PORTOLAN_NATS_SERVER=\/not\/there: it cannot be run/,
  );
});

test('PATH serves at a sufficient version; an older one, and a bin of node_modules, are passed over', async () => {
  await goModule();
  const good = await script(join(root, 'bin', 'nats-server'), '2.16.0');
  await script(join(root, 'old', 'nats-server'), '2.9.0');
  await script(join(root, 'node_modules', '.bin', 'nats-server'), '2.15.2');
  const bins = (...folders: string[]) => ({
    PATH: [...folders, 'machine'].map((folder) => join(root, folder)).join(':'),
  });
  expect(await search(bins('node_modules/.bin', 'bin'))).toMatchObject({ path: good, source: 'PATH' });
  await expect(search(bins('old'))).rejects.toThrow(/PATH \(.*old\/nats-server\): version 2\.9\.0, expected/);
});

test('the download is checked against the published sum, cached, and found there next time', async () => {
  await goModule();
  await offerDownload('2.15.2');
  expect(await search()).toMatchObject({ version: '2.15.2', source: 'download' });
  served.clear();
  expect(await search()).toMatchObject({ version: '2.15.2', source: 'cache' });
});

test('a download whose sum differs is refused and leaves nothing in the cache', async () => {
  await goModule();
  await offerDownload('2.15.2', 'a'.repeat(64));
  await expect(search()).rejects.toThrow(/download: SHA-256 of .* is [0-9a-f]{64}, but .*SHA256SUMS says a{64}/);
  expect(await readdir(join(root, 'cache', 'portolan'))).toEqual([]);
});

test.skipIf(!hasGo)(
  'without a download it is built from Go modules, once for two checkouts at the same time',
  async () => {
    await goModule(printing('2.15.2'));
    const found = await Promise.all([1, 2].map(async () => search({ PATH: await bareMachine('go') })));
    expect(found.map(({ source }) => source).sort()).toEqual(['build', 'cache']);
  },
);

test.skipIf(!hasGo)(
  'when every way fails, the message names each way, why it failed, and what to install',
  async () => {
    await goModule();
    const failure = await search({ PATH: await bareMachine('go') }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ToolMissing);
    const { message } = failure as ToolMissing;
    const expected = [
      /PORTOLAN_NATS_SERVER: not set/,
      /cache \(.*\): empty/,
      /PATH: no nats-server/,
      /download: .*HTTP 404/,
      /build: go build failed/,
      /Install nats-server 2\.15\.2/,
    ];
    for (const part of expected) expect(message).toMatch(part);
  },
);

test('interrupted, a build ends with all that it started, and leaves nothing in the cache', async () => {
  await goModule();
  const PATH = await bareMachine('sleep');
  const pids = join(root, 'pids');
  await writeFile(join(PATH, 'go'), `#!/bin/sh\necho $$ >> ${pids}\nsh -c 'echo $$ >> ${pids}; exec sleep 60'\n`);
  await chmod(join(PATH, 'go'), 0o755);
  const stop = new AbortController();
  const found = search({ PATH }, {}, stop.signal).catch((error: unknown) => error);
  const started = async () => (await readFile(pids, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  await vi.waitFor(async () => expect(await started()).toHaveLength(2), { timeout: 10_000 });
  const reason = new Error('asked to end');
  stop.abort(reason);
  expect(await found).toBe(reason);
  for (const pid of await started()) expect(() => process.kill(Number(pid), 0), pid).toThrow('ESRCH');
  expect(await readdir(join(root, 'cache', 'portolan'))).toEqual([]);
});

test('without Go the message says so', async () => {
  await goModule();
  await expect(search()).rejects.toThrow(/build: Go is not installed/);
});

test('a program that is published as it is comes with a sum of its own', async () => {
  await goModule();
  const program = await readFile(await script(join(root, 'release', 'plain'), '2.15.2'));
  const { origin } = new URL(tiny()['nats-server'].release('linux', 'x64')?.url ?? '');
  const release = { url: `${origin}/nats-server`, checksumsUrl: `${origin}/nats-server.sha256`, file: 'nats-server' };
  served.set('/nats-server', program);
  served.set('/nats-server.sha256', Buffer.from(`${createHash('sha256').update(program).digest('hex')}\n`));
  expect(await search({}, { release: () => release })).toMatchObject({ version: '2.15.2', source: 'download' });
  await rm(join(root, 'cache'), { recursive: true });
  served.set('/nats-server', Buffer.from('#!/bin/sh\necho v2.15.2 # not theirs\n'));
  await expect(search({}, { release: () => release })).rejects.toThrow(/download: SHA-256 of .*nats-server is/);
});

test.each(Object.values(tools))('$name: tools/$module builds the version that is asked for', async (tool) => {
  const text = await readFile(join(import.meta.dirname, '..', tool.module, 'go.mod'), 'utf8');
  const required = [...text.matchAll(/^(?:require )?\s*(\S+) v(\d+\.\d+\.\d+) *(?:\/\/ indirect)?$/gm)];
  const owner = required.find(([, path = '']) => tool.goPackage === path || tool.goPackage.startsWith(`${path}/`));
  expect(owner?.[2]).toBe(tool.version);
});
