// Makes a PostgreSQL cluster for one database `portolan`, owned by role `portolan`, which is no superuser. Idempotent: a
// cluster appears by rename when it is whole. Invariant: the role's password is random and exists in `pgpass` only (mode
// 0600, PGPASSFILE format); nobody else can connect.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../start/lock.mjs';
import { postgresBinaries } from './binaries.ts';
import { chooseIdentity, clusterHome, type Identity, nobody } from './identity.ts';

const role = 'portolan';

/** The superuser cannot connect at all; whoever owns the files has single-user mode. */
const whoMayConnect = `# type database user address method\nhost ${role} ${role} 127.0.0.1/32 scram-sha-256\n`;

/** What a cluster is started with. */
export interface Cluster {
  readonly identity: Identity;
  /** Folder with bin/. */
  readonly binaries: string;
  /** PGDATA */
  readonly folder: string;
  readonly passFile: string;
}

/** Where the cluster of `data` is or will be. Makes nothing but the libraries' links. */
export async function locateCluster(data: string): Promise<Cluster> {
  const identity = chooseIdentity();
  const home = clusterHome(data, identity);
  const carried = await postgresBinaries();
  const binaries = identity.kind === 'nobody' ? join(home, 'native') : carried;
  return { identity, binaries, folder: join(home, 'cluster'), passFile: join(data, 'pgpass') };
}

/** @param data Absolute folder; made with mode 0700. */
export async function prepareCluster(data: string): Promise<Cluster> {
  await mkdir(data, { recursive: true, mode: 0o700 });
  return withLock(join(data, 'prepare.lock'), async () => {
    const cluster = await locateCluster(data);
    if (cluster.identity.kind === 'nobody') await makeReachable(cluster);
    if (!existsSync(cluster.folder) || !existsSync(cluster.passFile)) await create(cluster);
    return cluster;
  });
}

/** What lies outside of `data` goes too. PostgreSQL must have ended. */
export async function removeCluster(data: string): Promise<void> {
  const outside = clusterHome(data, { kind: 'nobody', wrap: (command, args) => ({ command, args }) });
  await rm(outside, { recursive: true, force: true });
  await rm(data, { recursive: true, force: true });
}

async function makeReachable({ folder, binaries }: Cluster): Promise<void> {
  const home = join(folder, '..');
  await mkdir(home, { recursive: true, mode: 0o755 });
  await chown(home, nobody, nobody);
  if (!existsSync(binaries)) await copyWhole(await postgresBinaries(), binaries);
}

async function copyWhole(from: string, to: string): Promise<void> {
  await cp(from, `${to}.draft`, { recursive: true, verbatimSymlinks: true, force: true });
  await rename(`${to}.draft`, to);
}

async function create(cluster: Cluster): Promise<void> {
  const draft = `${cluster.folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await initialise(cluster, draft);
  const password = randomBytes(32).toString('base64url');
  await runAs(cluster, 'postgres', ['--single', '-D', draft, 'postgres'], statements(password));
  await writeFile(`${cluster.passFile}.draft`, passLines(password), { mode: 0o600 });
  await rm(cluster.folder, { recursive: true, force: true });
  await rename(`${cluster.passFile}.draft`, cluster.passFile);
  await rename(draft, cluster.folder);
}

async function initialise(cluster: Cluster, draft: string): Promise<void> {
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--encoding=UTF8'];
  await runAs(cluster, 'initdb', ['-D', draft, '-U', 'postgres', '--auth=reject', '--no-instructions', ...locale]);
  await writeFile(join(draft, 'pg_hba.conf'), whoMayConnect);
}

/** Single-user mode takes one statement a line. */
function statements(password: string): string {
  return [`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`, `CREATE DATABASE ${role} OWNER ${role}`, ''].join('\n');
}

function passLines(password: string): string {
  return ['127.0.0.1', 'localhost'].map((host) => `${host}:*:*:${role}:${password}\n`).join('');
}

async function runAs(cluster: Cluster, program: string, args: readonly string[], input = ''): Promise<void> {
  const whole = cluster.identity.wrap(join(cluster.binaries, 'bin', program), args);
  const { code, output } = await runToEnd(whole.command, whole.args, input);
  // single-user mode exits 0 whatever became of the statements
  if (code !== 0 || /^.*\b(ERROR|FATAL|PANIC):/m.test(output))
    throw new Error(`${program} failed (exit ${code}):\n${output.trim()}`);
}

function runToEnd(command: string, args: readonly string[], input: string): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-16_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.stdin.on('error', () => {}); // a program that ends early says why by its exit code
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
