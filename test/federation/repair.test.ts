/**
 * `up` again: changes nothing when nothing is wrong, repairs exactly what is dead, goes on after a killed CLI; `restart`, `status`, `down`;
 * and no secret of the stack stands where it must not. One stack of its own, because its processes are killed on purpose.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, type Federation, freePortBase, root, run, startFederation } from '../harness/federation.ts';

let federation: Federation;
const pids = () => Object.fromEntries(federation.local.processes.map((process) => [process.name, process.pid]));
/** A process that has ended and that nobody has waited for (Z) is not alive. */
const alive = (pid: number) =>
  readFile(`/proc/${pid}/stat`, 'utf8').then(
    (text) => text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3) !== 'Z',
    () => false,
  );
const crossing = () =>
  federation.callTool('aws', 'mcp-m365', federation.local.users.alice?.token ?? '', 'get_calendar_events', {
    date: '2026-11-23',
  });

beforeAll(async () => {
  federation = await startFederation('repair');
}, 300_000);
afterAll(async () => {
  await federation?.[Symbol.asyncDispose]();
}, 120_000);

describe('up again', () => {
  test('changes nothing and says so', async () => {
    const before = pids();
    const { output } = await federation.up();
    expect(output).toMatch(/nothing changed/i);
    expect(pids()).toEqual(before);
  }, 120_000);

  test('repairs exactly the process that was killed', async () => {
    for (const victim of ['gateway-azure', 'mcp-m365', 'nats', 'postgres', 'control-plane']) {
      const before = pids();
      process.kill(before[victim] ?? 0, 'SIGKILL');
      await federation.up();
      const after = pids();
      expect(after[victim], victim).not.toBe(before[victim]);
      expect({ ...after, [victim]: 0 }).toEqual({ ...before, [victim]: 0 });
      const reply = await eventually(`a crossing after ${victim} was killed`, async () => {
        const answer = await crossing();
        return answer.status === 200 ? answer : undefined;
      });
      expect(reply.message.result).toBeDefined();
    }
  }, 400_000);

  test('goes on after the CLI was killed in the middle', async () => {
    process.kill(pids()['gateway-gcp'] ?? 0, 'SIGKILL');
    const child = spawn(
      process.execPath,
      [join(root, 'tools', 'start.mjs'), 'up', '--stack', federation.stack, '--port-base', String(federation.portBase)],
      {
        cwd: root,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const locks = join(federation.dir, 'state', '.pulumi', 'locks');
    await eventually(
      'the engine holds its lock',
      async () => ((await lockFiles(locks)).length > 0 ? true : undefined),
      60_000,
    );
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await once(child, 'close');
    expect((await lockFiles(locks)).length).toBeGreaterThan(0);
    await federation.up();
    expect((await crossing()).status).toBe(200);
  }, 240_000);
});

async function lockFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  return entries.filter((name) => name.endsWith('.json'));
}

describe('restart and status', () => {
  test('restart replaces one process without the engine', async () => {
    const before = pids();
    const done = await run('restart', ['gateway-aws', '--stack', federation.stack]);
    expect(done.code, done.output).toBe(0);
    expect(await alive(before['gateway-aws'] ?? 0)).toBe(false);
    const reply = await eventually('a crossing', async () => ((await crossing()).status === 200 ? true : undefined));
    expect(reply).toBe(true);
    const { output } = await federation.up();
    expect(output).toMatch(/nothing changed/i);
    expect(pids()['gateway-aws']).not.toBe(before['gateway-aws']);
  }, 120_000);

  test('restart of an unknown process names the known ones', async () => {
    const done = await run('restart', ['gateway-mars', '--stack', federation.stack]);
    expect(done.code).not.toBe(0);
    expect(done.output).toContain('gateway-mars');
    expect(done.output).toContain('gateway-azure');
  });

  test('status shows health, revision and lag of each part', async () => {
    const done = await run('status', ['--stack', federation.stack]);
    expect(done.code, done.output).toBe(0);
    for (const part of ['postgres', 'nats', 'control-plane', 'gateway-aws', 'gateway-azure', 'mcp-m365'])
      expect(done.output).toContain(part);
    expect(done.output).toMatch(/revision|lag/i);
  }, 60_000);
});

describe('no secret leaks', () => {
  /** Every secret that the stack has made, from the only places where it may stand. */
  async function secrets(): Promise<string[]> {
    const found: string[] = [];
    for (const name of await readdir(join(federation.dir, 'tokens'))) {
      const text = (await readFile(join(federation.dir, 'tokens', name), 'utf8')).trim();
      found.push(text.split(' ').at(-1) ?? '');
    }
    found.push((await readFile(join(federation.dir, 'passphrase'), 'utf8')).trim());
    const walk = await readdir(federation.dir, { recursive: true });
    for (const name of walk.filter((one) => /pgpass|\.key$|\.nk$|\.seed$|kek/.test(one))) {
      const path = join(federation.dir, name);
      if (!(await stat(path)).isFile()) continue;
      const text = (await readFile(path)).toString('latin1');
      if (/pgpass/.test(name)) found.push(text.trim().split(':').at(-1) ?? '');
      else found.push(...text.split('\n').filter((line) => line.length > 40 && !line.startsWith('-----')));
    }
    const wanted = [...new Set(found.flatMap((one) => [one, one.split('_').at(-1) ?? one]))].filter(
      (one) => one.length >= 16,
    );
    expect(wanted.length).toBeGreaterThan(8);
    return wanted;
  }

  const guilty = (wanted: readonly string[], text: string) =>
    wanted.filter((secret) => text.includes(secret)).map((secret) => `${secret.slice(0, 10)}…`);

  test('into exported state, logs, configuration, run files or spools', async () => {
    const wanted = await secrets();
    const places = ['state', 'home', 'logs', 'run', 'config', `Pulumi.${federation.stack}.yaml`];
    const spools = (await readdir(join(federation.dir, 'gateways'))).map((name) => join('gateways', name, 'spool'));
    let looked = 0;
    for (const place of [...places, ...spools]) {
      const top = join(federation.dir, place);
      const info = await stat(top).catch(() => undefined);
      const files = !info ? [] : info.isFile() ? [''] : await readdir(top, { recursive: true });
      for (const name of files) {
        const path = join(top, name);
        if (!(await stat(path)).isFile()) continue;
        looked += 1;
        expect(guilty(wanted, (await readFile(path)).toString('latin1')), path).toEqual([]);
      }
    }
    expect(looked).toBeGreaterThan(20);
  });

  test('into the arguments or the environment of any process', async () => {
    const wanted = await secrets();
    for (const { name, pid } of federation.local.processes) {
      for (const file of ['cmdline', 'environ']) {
        expect(guilty(wanted, (await readFile(`/proc/${pid}/${file}`)).toString('latin1')), `${name} ${file}`).toEqual(
          [],
        );
      }
    }
  });

  test('and the private files are private', async () => {
    const open: string[] = [];
    for (const name of await readdir(federation.dir, { recursive: true })) {
      if (!/tokens\/|passphrase|pgpass|\.key$|\.nk$|admin-token|local\.json$|nats\.conf|kek|enrolment/.test(name))
        continue;
      const info = await stat(join(federation.dir, name));
      if (info.isFile() && (info.mode & 0o077) !== 0) open.push(name);
    }
    expect(open).toEqual([]);
  });
});

describe('bad configuration', () => {
  test('a taken port is said plainly before anything is made', async () => {
    const base = await freePortBase();
    const squatter = createServer().listen(base + 10, '127.0.0.1');
    await once(squatter, 'listening');
    const stack = `test-taken-${process.pid}`;
    const done = await run('up', ['--stack', stack, '--port-base', String(base)]);
    squatter.close();
    expect(done.code).not.toBe(0);
    expect(done.output).toContain(String(base + 10));
    await run('down', ['--stack', stack]);
  }, 120_000);

  test.each([
    [['--port-base', 'abc'], 'abc'],
    [['--port-base', '70000'], '70000'],
    [['--stack', 'Not A Name'], 'Not A Name'],
    [['--colour', 'blue'], '--colour'],
  ])('up %j is refused, naming it', async (args, named) => {
    const done = await run('up', args);
    expect(done.code).not.toBe(0);
    expect(done.output).toContain(named);
  });
});

describe('down', () => {
  test('leaves no process and no port behind, and can be run twice', async () => {
    const processes = [...federation.local.processes];
    const first = await federation.down();
    expect(first.code, first.output).toBe(0);
    for (const { name, pid } of processes) expect(await alive(pid), name).toBe(false);
    const here = await running(federation.dir);
    expect(here).toEqual([]);
    for (const offset of [0, 1, 4, 6, 10, 20, 30, 40, 81]) {
      await expect(open(federation.portBase + offset), `port ${federation.portBase + offset}`).rejects.toThrow();
    }
    const second = await federation.down();
    expect(second.code, second.output).toBe(0);
  }, 120_000);

  const open = (port: number) =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve();
      });
      socket.once('error', reject);
    });

  /** Processes that mention the stack's folder in their arguments or stand in it. */
  async function running(folder: string): Promise<string[]> {
    const found: string[] = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      if (line.includes(folder) || cwd.startsWith(folder)) found.push(`${pid} ${line.replaceAll('\0', ' ')}`);
    }
    return found;
  }
});
