/**
 * `up` again: changes nothing when nothing is wrong, repairs exactly what is dead, goes on after a killed CLI; `restart`, `status`, `down`;
 * and no secret of the stack stands where it must not. One stack of its own, because its processes are killed on purpose.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  eventually,
  type Federation,
  freePortBase,
  pulumi,
  root,
  run,
  startFederation,
} from '../harness/federation.ts';
import { filesOf, guilty, type Secret, searchFiles, secretsOf } from '../harness/secrets.ts';

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

/** For the log alone: how long it takes depends on the machine. */
const said = (what: string, started: number) =>
  console.info(`${what} took ${((performance.now() - started) / 1_000).toFixed(1)} s`);

beforeAll(async () => {
  const started = performance.now();
  federation = await startFederation('repair');
  said('the first up', started);
}, 300_000);
afterAll(async () => {
  await federation?.[Symbol.asyncDispose]();
}, 120_000);

describe('up again', () => {
  test('changes nothing and says so', async () => {
    const before = pids();
    const started = performance.now();
    const { output } = await federation.up();
    said('up with nothing to change', started);
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
      'the engine is making the gateway',
      async () => ((await pendingCreates()).length > 0 ? true : undefined),
      60_000,
    );
    const [lock = ''] = await lockFiles(locks);
    const { pid: engine } = JSON.parse(await readFile(join(locks, lock), 'utf8'));
    for (const group of [child.pid ?? 0, engine]) process.kill(-group, 'SIGKILL');
    await once(child, 'close');
    expect(await lockFiles(locks)).toEqual([lock]);
    const { output } = await federation.up();
    expect(output).toMatch(/being made: gateway-gcp\./);
    expect(await pendingCreates()).toEqual([]);
    const running = await processesWith(join(federation.dir, 'config', 'gateway-gcp.yaml'));
    expect(running).toEqual([pids()['gateway-gcp']]);
    expect((await crossing()).status).toBe(200);
    expect((await federation.up()).output).toMatch(/nothing changed/i);
  }, 240_000);
});

/** Resources that the engine's state has as begun and not ended. */
async function pendingCreates(): Promise<unknown[]> {
  const file = join(federation.dir, 'state', '.pulumi', 'stacks', 'portolan-federation', `${federation.stack}.json`);
  const text = await readFile(file, 'utf8').catch(() => '{}');
  return JSON.parse(text).checkpoint?.latest?.pending_operations ?? [];
}

/** Pids of processes that have this argument. */
async function processesWith(argument: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')));
  return pids.filter((_, at) => lines[at]?.split('\0').includes(argument));
}

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
  let secrets: readonly Secret[];
  beforeAll(async () => {
    secrets = await secretsOf(federation.dir);
  });

  test('of none of these, and the search for them finds what is planted', async () => {
    expect(secrets.map(({ name }) => name)).toEqual(expect.arrayContaining(KINDS));
    const planted = join(federation.dir, 'logs', 'planted.log');
    try {
      for (const at of [0, 1, 2, 3, 4, 5, 6]) {
        const told = secrets.filter(({ spellings }) => spellings[at] !== undefined);
        const text = told.map(({ spellings }) => `{"msg":"${spellings[at]}"}`).join('\n');
        await writeFile(planted, text, 'latin1');
        const { found } = await searchFiles(join(federation.dir, 'logs'), secrets);
        expect(found, `spelling ${at}`).toEqual(expect.arrayContaining(told.map(({ name }) => `planted.log: ${name}`)));
      }
      const { found } = await searchFiles(federation.dir, secrets);
      expect(found.some((one) => one.startsWith('logs/planted.log: '))).toBe(true);
    } finally {
      await rm(planted, { force: true });
    }
  }, 120_000);

  test('into state, logs, configuration, run files, spools, snapshots, database or streams', async () => {
    const { looked, found } = await searchFiles(federation.dir, secrets);
    expect(found).toEqual([]);
    const places = [
      'state/',
      'home/logs/',
      'logs/',
      'config/',
      'run/',
      'gateways/aws/snapshot.json',
      'nats/',
      'postgres/',
    ];
    expect(places.filter((place) => !looked.some((name) => name.startsWith(place)))).toEqual([]);
  }, 120_000);

  test.each([['export'], ['export', '--show-secrets']])(
    'into the state as `pulumi stack %s %s` gives it',
    async (...args) => {
      const { code, output } = await pulumi(['stack', ...args, '--stack', federation.stack]);
      expect(code, output).toBe(0);
      expect(output).toContain('portolan:registry:Grant');
      expect(guilty(secrets, output)).toEqual([]);
    },
    120_000,
  );

  test('into the arguments or the environment of any process', async () => {
    for (const { name, pid } of federation.local.processes) {
      for (const file of ['cmdline', 'environ']) {
        expect(guilty(secrets, await readFile(`/proc/${pid}/${file}`, 'latin1')), `${name} ${file}`).toEqual([]);
      }
    }
  });

  test('and the private files are private', async () => {
    const open = async (name: string) => ((await stat(join(federation.dir, name))).mode & 0o077) !== 0;
    // what the engine writes is as open as it likes to have it, in a folder that nobody else may enter
    const ours = (await filesOf(federation.dir)).filter((name) => !/^(state|home|postgres\/cluster|nats)\//.test(name));
    expect(ours).toEqual(expect.arrayContaining(PRIVATE));
    const wrong: string[] = [];
    for (const name of ['.', 'state', 'home', 'postgres/cluster', 'nats', ...ours])
      if (await open(name)) wrong.push(name);
    expect(wrong).toEqual([]);
  });
});

/** Files that must be there, so that the tests above cannot pass by looking at nothing. */
const PRIVATE = [
  ...['tokens/alice', 'tokens/alice.header', 'tokens/admin', 'local.json', 'passphrase', 'postgres/pgpass'],
  ...['control-plane/admin-token', 'control-plane/kek', 'control-plane/nats.conf', 'control-plane/nats/keys.json'],
  ...['control-plane/mesh/root.pem', 'control-plane/mesh/issuer.pem', 'control-plane/snapshot/signing.jwk'],
  ...['control-plane/site/ca.pem', 'control-plane/site/tls.key', 'gateways/azure/sealing-keys.json'],
  ...['mesh.key', 'seal.key', 'nkey.seed'].map((name) => `gateways/azure/identity/${name}`),
];

const KINDS = [
  ...PRIVATE.filter((name) => !/local\.json|nats/.test(name)),
  ...['operator', 'system', 'account', 'gatewaySigner', 'controlSigner', 'storeKey'].map(
    (name) => `control-plane/nats/keys.json ${name}`,
  ),
];

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
