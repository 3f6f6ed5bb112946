/** A real ACME server for a test: pebble (Go module, `tools/pebble`), which asks the DNS server that it is given and nobody else. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { findTool } from '../../tools/toolchain/index.ts';
import { dataFiles } from '../config.ts';
import { ensureSiteCertificate } from '../init/site-certificate.ts';
import { kekOf } from '../keys/kek.ts';
import { freePort } from './postgres.ts';

export interface TestPebble extends AsyncDisposable {
  readonly directory: string;
  /** CA of its own https. */
  readonly caFile: string;
  /** PEM of the root that it issues under. */
  root(): Promise<string>;
  /** Says of a certificate that it is to be renewed between the two. */
  wantRenewed(chain: string, start: Date, end: Date): Promise<void>;
  /** All that it has said so far. */
  said(): string;
  stop(): Promise<void>;
  /** Starts it anew, on the same port; it has forgotten everything. */
  start(): Promise<void>;
}

export interface PebbleSettings {
  /** 127.0.0.1:port of the DNS server that it asks. */
  readonly dns: string;
  /** Life of its certificates, s. */
  readonly lifeSeconds?: number;
  /** Key id → base64url MAC key; with any, accounts must be bound. */
  readonly externalAccounts?: Readonly<Record<string, string>>;
}

export async function startPebble(settings: PebbleSettings): Promise<TestPebble> {
  const { path } = await findTool('pebble');
  const dir = await mkdtemp(join(tmpdir(), 'portolan-pebble-'));
  const [port, management] = [await freePort(), await freePort()];
  const files = dataFiles(dir);
  await mkdir(join(dir, 'site'));
  await ensureSiteCertificate({ dataDir: dir, kek: kekOf(Buffer.alloc(32)) }, ['localhost', '127.0.0.1'], Date.now());
  const config = join(dir, 'pebble.json');
  await writeFile(config, JSON.stringify({ pebble: pebbleConfig(settings, port, management, files) }));
  const agent = new Agent({ connect: { ca: await readFile(files.siteCa, 'utf8') } });
  let output = '';
  let server: ChildProcess;
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  };
  const fetchText = async (url: string): Promise<string> => (await request(url, { dispatcher: agent })).body.text();
  const directory = `https://localhost:${port}/dir`;
  const start = async (): Promise<void> => {
    server = spawn(path, ['-config', config, '-strict', '-dnsserver', settings.dns], {
      env: { PATH: process.env.PATH, PEBBLE_VA_NOSLEEP: '1', PEBBLE_AUTHZREUSE: '0', PEBBLE_WFE_NONCEREJECT: '10' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const from of [server.stdout, server.stderr])
      from?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    for (let i = 0; i < 400; i += 1) {
      if (server.exitCode !== null) throw new Error(`pebble ended: ${output}`);
      if (await fetchText(directory).catch(() => undefined)) return;
      await wait(25);
    }
    throw new Error(`pebble did not start: ${output}`);
  };
  await start();
  return {
    directory,
    caFile: files.siteCa,
    root: () => fetchText(`https://localhost:${management}/roots/0`),
    wantRenewed: async (chain, start, end) => {
      const ariResponse = JSON.stringify({ suggestedWindow: { start, end } });
      const reply = await request(`https://localhost:${management}/set-renewal-info/`, {
        dispatcher: agent,
        method: 'POST',
        headers: { 'user-agent': 'portolan-test' },
        body: JSON.stringify({ certificate: chain, ariResponse }),
      });
      if (reply.statusCode !== 200) throw new Error(`pebble: ${await reply.body.text()}`);
    },
    said: () => output,
    stop,
    start,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await agent.destroy();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function pebbleConfig(
  { lifeSeconds = 86_400, externalAccounts = {} }: PebbleSettings,
  port: number,
  management: number,
  files: ReturnType<typeof dataFiles>,
) {
  return {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: files.siteCertificate,
    privateKey: files.siteKey,
    httpPort: 1,
    tlsPort: 1,
    ocspResponderURL: '',
    externalAccountBindingRequired: Object.keys(externalAccounts).length > 0,
    externalAccountMACKeys: externalAccounts,
    retryAfter: { authz: 1, order: 1 },
    keyAlgorithm: 'ecdsa',
    profiles: { default: { description: 'default', validityPeriod: lifeSeconds } },
  };
}
