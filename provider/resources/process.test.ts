import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RunningProvider, startProvider } from '../test/running-provider.ts';
import { makeTarget, pidOf, removeTarget, runs, type Target, until } from '../test/target-process.ts';
import type { Properties } from '../wire.ts';

const resource = { type: 'portolan:local:Process', name: 'target' };
let provider: RunningProvider;
let target: Target;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider[Symbol.asyncDispose]());
beforeEach(async () => {
  target = await makeTarget();
});
afterEach(async () => {
  await removeTarget(target);
});

const create = async (change?: Properties) => {
  const { values, failures } = await provider.check(resource, target.inputs(change));
  expect(failures).toEqual([]);
  return { inputs: values, ...(await provider.create(resource, values)) };
};
const answer = async () =>
  (await (await fetch(`http://127.0.0.1:${target.port}/`)).json()) as { greeting: string; pid: number; env: string[] };

describe('create', () => {
  test('starts the process in a session of its own, with only the environment it was given', async () => {
    const { id } = await create();
    const { pid, env } = await answer();
    expect(id).toBe('target');
    expect(pidOf(target)).toBe(pid);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    expect([Number(group), Number(session)]).toEqual([pid, pid]);
    expect(env.filter((name) => !['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'].includes(name))).toEqual(['PORT']);
    expect(statSync(target.runFile).mode & 0o777).toBe(0o600);
  });

  test('writes files and runs preparations first, in order', async () => {
    const file = join(target.dir, 'config', 'target.yaml');
    const copy = join(target.dir, 'copy');
    const code = `require('fs').copyFileSync(${JSON.stringify(file)}, ${JSON.stringify(copy)})`;
    await create({
      files: [{ path: file, content: 'a: 1\n' }],
      prepare: [{ command: process.execPath, args: ['-e', code] }],
    });
    expect(readFileSync(copy, 'utf8')).toBe('a: 1\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('a process that dies is an error with its last words, and leaves nothing', async () => {
    const failed = create({ env: { PORT: String(target.port), DIE: 'shame' } });
    await expect(failed).rejects.toThrow(/^Process target: it ended with exit code 7\. Last lines of .*target\.log:/);
    await expect(failed).rejects.toThrow(/target dies of shame/);
    expect(existsSync(target.runFile)).toBe(false);
  });

  test('a process that is not ready in time is ended', async () => {
    const url = `http://127.0.0.1:${target.port}/never`;
    const failed = create({ readiness: { kind: 'http', url, timeoutSeconds: 3 } });
    await expect(failed).rejects.toThrow(/not ready within 3 s: GET .*\/never answered 404/);
    await expect(answer()).rejects.toThrow();
  });

  test('identity is on disk before readiness', async () => {
    const url = `http://127.0.0.1:${target.port}/never`;
    const failed = create({ readiness: { kind: 'http', url, timeoutSeconds: 600 } }).catch((error: Error) => error);
    await until('the run file', () => existsSync(target.runFile));
    const pid = pidOf(target);
    expect(runs(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
    expect((await failed) as Error).toHaveProperty('message', expect.stringMatching(/ended by SIGKILL/));
  });

  test('a preparation that fails is told with its output', async () => {
    const prepare = [{ command: process.execPath, args: ['-e', 'console.error("no database"); process.exit(3)'] }];
    const failed = create({ prepare });
    await expect(failed).rejects.toThrow(/its preparation `.*` failed: it ended with exit code 3.*\n.*no database/);
  });

  test('a command that is not there is told', async () => {
    await expect(create({ command: '/no/such/program' })).rejects.toThrow(/Process target: it cannot be run: .*ENOENT/);
  });

  test('a taken port is told with its owner, before anything is done', async () => {
    const squatter = createServer().listen(target.port, '127.0.0.1');
    await once(squatter, 'listening');
    const code = `require('fs').writeFileSync(${JSON.stringify(join(target.dir, 'prepared'))}, '')`;
    const failed = create({ prepare: [{ command: process.execPath, args: ['-e', code] }] });
    await expect(failed).rejects.toThrow(
      new RegExp(`127.0.0.1:${target.port} is in use by process ${process.pid} \\(.*another port`),
    );
    expect(existsSync(join(target.dir, 'prepared'))).toBe(false);
    squatter.close();
  });

  test('ends its own leftover first', async () => {
    await create();
    const first = pidOf(target);
    await create({ env: { PORT: String(target.port), GREETING: 'again' } });
    expect(runs(first)).toBe(false);
    expect(await answer()).toMatchObject({ greeting: 'again', pid: pidOf(target) });
  });

  test('does not touch a process that has taken over the pid of a dead one', async () => {
    await create();
    const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true });
    const run = JSON.parse(readFileSync(target.runFile, 'utf8'));
    process.kill(run.pid, 'SIGKILL');
    await until('the end', () => !runs(run.pid));
    writeFileSync(target.runFile, JSON.stringify({ ...run, pid: bystander.pid }));
    await create();
    expect(runs(bystander.pid ?? 0)).toBe(true);
    bystander.kill('SIGKILL');
  });

  test('the process outlives the provider', async () => {
    const other = await startProvider();
    const { values } = await other.check(resource, target.inputs());
    await other.create(resource, values);
    await other[Symbol.asyncDispose]();
    expect(await answer()).toMatchObject({ pid: pidOf(target) });
  });

  test('cancelling ends the wait and the process', async () => {
    const other = await startProvider();
    const url = `http://127.0.0.1:${target.port}/never`;
    const inputs = target.inputs({ readiness: { kind: 'http', url, timeoutSeconds: 600 } });
    const failed = other.create(resource, inputs).catch((error: Error) => error.message);
    await until('the run file', () => existsSync(target.runFile));
    const pid = pidOf(target);
    await other.cancel();
    expect(await failed).toMatch(/cancelled/);
    expect(runs(pid)).toBe(false);
    await other[Symbol.asyncDispose]();
  });

  test('a preview does nothing', async () => {
    const { id } = await provider.create(resource, target.inputs(), true);
    expect(id).toBe('');
    expect(existsSync(join(target.dir, 'run'))).toBe(false);
  });
});

describe('read', () => {
  test('a running process is there as it was started', async () => {
    const { inputs } = await create();
    const found = await provider.read(resource, 'target', inputs);
    expect(found.id).toBe('target');
    expect(found.inputs).toEqual(inputs);
    expect((await provider.diff(resource, found.inputs, inputs)).paths).toEqual([]);
  });

  test('a killed process is gone', async () => {
    const { inputs } = await create();
    process.kill(pidOf(target), 'SIGKILL');
    await until('the end', () => !runs(pidOf(target)));
    expect((await provider.read(resource, 'target', inputs)).id).toBe('');
  });

  test('a process of another boot is gone', async () => {
    const { inputs } = await create();
    const run = JSON.parse(readFileSync(target.runFile, 'utf8'));
    writeFileSync(target.runFile, JSON.stringify({ ...run, bootId: 'another' }));
    expect((await provider.read(resource, 'target', inputs)).id).toBe('');
    writeFileSync(target.runFile, JSON.stringify(run));
  });

  test('a file changed by hand is drift', async () => {
    const path = join(target.dir, 'target.yaml');
    const { inputs } = await create({ files: [{ path, content: 'a: 1\n' }] });
    writeFileSync(path, 'a: 2\n');
    const found = await provider.read(resource, 'target', inputs);
    expect((await provider.diff(resource, found.inputs, inputs)).paths).toEqual(['files[0].content']);
  });
});

describe('update', () => {
  test('is in place: another process, the same resource', async () => {
    const { inputs } = await create();
    const first = pidOf(target);
    const news = { ...inputs, version: 'two', env: { PORT: String(target.port), GREETING: 'two' } };
    const { paths, replaces } = await provider.diff(resource, inputs, news);
    expect({ paths: paths.sort(), replaces }).toEqual({ paths: ['env.GREETING', 'version'], replaces: [] });
    await provider.update(resource, 'target', inputs, news);
    expect(runs(first)).toBe(false);
    expect(await answer()).toMatchObject({ greeting: 'two', pid: pidOf(target) });
  });

  test('a preview does nothing', async () => {
    const { inputs } = await create();
    const first = pidOf(target);
    await provider.update(resource, 'target', inputs, { ...inputs, version: 'two' }, true);
    expect(runs(first)).toBe(true);
  });
});

describe('delete', () => {
  test('ends the whole group, and removes run file and configuration', async () => {
    const path = join(target.dir, 'target.yaml');
    const { inputs } = await create({ files: [{ path, content: '' }], env: { PORT: String(target.port), CHILD: '1' } });
    const group = pidOf(target);
    const members = () => childrenOf(group).filter(runs);
    await until('the child', () => members().length === 1);
    const [child = 0] = members();
    await provider.delete(resource, 'target', inputs);
    expect([runs(group), runs(child), existsSync(target.runFile), existsSync(path)]).toEqual(Array(4).fill(false));
  });

  test('ends what is left of the group when its leader was killed', async () => {
    const { inputs } = await create({ env: { PORT: String(target.port), CHILD: '1' } });
    const group = pidOf(target);
    await until('the child', () => childrenOf(group).length === 1);
    const [child = 0] = childrenOf(group);
    process.kill(group, 'SIGKILL');
    await until('the end', () => !runs(group));
    await provider.delete(resource, 'target', inputs);
    expect(runs(child)).toBe(false);
  });

  test('kills what does not listen', { timeout: 30_000 }, async () => {
    const { inputs } = await create({ env: { PORT: String(target.port), DEAF: '1' } });
    const pid = pidOf(target);
    await provider.delete(resource, 'target', inputs);
    expect(runs(pid)).toBe(false);
  });
});

describe('check', () => {
  test('names resource, property and expectation', async () => {
    const { failures } = await provider.check(resource, target.inputs({ cwd: 'here', colour: 'red', listens: ['x'] }));
    expect(failures.map(({ reason }) => reason).sort()).toEqual([
      'Process(target).cwd: expected an absolute path; got "here".',
      'Process(target).listens[0]: expected host:port, as in 127.0.0.1:8443; got "x".',
      'Process(target): there is no "colour" here; remove it.',
    ]);
  });

  test('refuses a secret', async () => {
    const secret = { '4dabf18193072939515e22adb298388d': '1b47061264138c4ac30d75fd1eb44270', value: 'hunter2' };
    const { failures } = await provider.check(resource, target.inputs({ env: { PASSWORD: secret } }));
    expect(failures).toMatchObject([{ property: 'env', reason: expect.stringContaining('expected no secret') }]);
    expect(JSON.stringify(failures)).not.toContain('hunter2');
  });

  test('leaves what is unknown to the run that knows it', async () => {
    const unknown = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';
    const { failures } = await provider.check(resource, target.inputs({ cwd: unknown, logFile: 'here' }));
    expect(failures.map(({ property }) => property)).toEqual(['logFile']);
  });
});

test('restart-process.ts restarts a process as it was started, without the engine', async () => {
  await create({ env: { PORT: String(target.port), GREETING: 'same' } });
  const first = pidOf(target);
  const script = join(import.meta.dirname, '..', 'restart-process.ts');
  const child = spawn(process.execPath, [script, target.runFile], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(pidOf(target)).not.toBe(first);
  expect(await answer()).toMatchObject({ greeting: 'same', pid: pidOf(target) });
});

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}
