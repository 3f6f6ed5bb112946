/** The control plane as its own process: the bundle's entry run from source, with a configuration of its own in a temporary folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseAddress } from '../db/index.ts';
import { freePort } from './postgres.ts';

const MAIN = join(import.meta.dirname, '..', 'main.ts');

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface TestPlace extends AsyncDisposable {
  readonly dir: string;
  readonly ports: {
    readonly tls: number;
    readonly door: number;
    readonly health: number;
    readonly metrics: number;
    readonly nats: number;
  };
  run(...args: string[]): Promise<Finished>;
  /** Runs on; ended by the test or at the end. */
  spawn(...args: string[]): ChildProcess & { readonly said: () => string };
  adminToken(): Promise<string>;
}

/** `name`: host of its URL; `siteCertificate`: YAML of that setting. */
export interface PublicName {
  readonly name: string;
  readonly siteCertificate: string;
}

const LOCAL: PublicName = { name: 'localhost', siteCertificate: '{ hosts: [localhost, 127.0.0.1] }' };

export async function makePlace(database: DatabaseAddress, more = '', own = LOCAL): Promise<TestPlace> {
  const dir = await mkdtemp(join(tmpdir(), 'portolan-control-'));
  const [tls = 0, door = 0, health = 0, metrics = 0, nats = 0, monitor = 0] = await Promise.all(
    Array.from({ length: 6 }, freePort),
  );
  await mkdir(join(dir, 'data'), { mode: 0o700 });
  const config = join(dir, 'control-plane.yaml');
  await writeFile(
    config,
    `controlPlane:
  federation: test
  url: https://${own.name}:${tls}
  dataDir: ${join(dir, 'data')}
  listen: { tls: "127.0.0.1:${tls}", insecureLoopback: "127.0.0.1:${door}", health: "127.0.0.1:${health}", metrics: "127.0.0.1:${metrics}" }
  siteCertificate: ${own.siteCertificate}
  nats: { url: "nats://localhost:${nats}", listen: "127.0.0.1:${nats}", monitor: "127.0.0.1:${monitor}", storeDir: ${join(dir, 'nats')} }
${more}`,
  );
  const started: ChildProcess[] = [];
  const start = (args: readonly string[]) => {
    const child = spawn(process.execPath, [MAIN, ...args.map((arg) => (arg === 'CONFIG' ? config : arg))], {
      env: { PATH: process.env.PATH, DATABASE_URL: database.url, PGPASSFILE: database.passFile },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    const text = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
    return { child, text };
  };
  return {
    dir,
    ports: { tls, door, health, metrics, nats },
    run: async (...args) => {
      const { child, text } = start(args);
      const [code] = await once(child, 'close');
      return { code, ...text };
    },
    spawn: (...args) => {
      const { child, text } = start(args);
      return Object.assign(child, { said: () => text.out + text.err });
    },
    adminToken: async () => (await readFile(join(dir, 'data', 'admin-token'), 'utf8')).trim(),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(started.map(end));
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
