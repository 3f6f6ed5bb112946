import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatewayReport, subjects } from '@portolan/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { StandInControlPlane } from './adapters/stand-in/control-plane.ts';
import { freePort } from './adapters/stand-in/free-port.ts';

const main = join(import.meta.dirname, 'main.ts');

let folder: string;
let plane: StandInControlPlane;
let ports: { tls: number; door: number; health: number; metrics: number };
let started: Gateway[];

interface Gateway {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  output(): string;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-'));
  plane = await StandInControlPlane.prepare(folder);
  ports = { tls: await freePort(), door: await freePort(), health: await freePort(), metrics: await freePort() };
  started = [];
  const leaf = await plane.site.leaf([{ type: 'dns', value: 'localhost' }]);
  await writeFile(join(folder, 'tls.crt'), leaf.chain);
  await writeFile(join(folder, 'tls.key'), leaf.key);
});
afterEach(async () => {
  for (const { child, exited } of started) {
    child.kill('SIGKILL');
    await exited;
  }
  await plane.stop();
  await plane.nats.kill();
  await rm(folder, { recursive: true, force: true });
});

async function start(changes: object = {}): Promise<Gateway> {
  const on = (port: number): string => `127.0.0.1:${port}`;
  const gateway = {
    url: 'https://aws.example.com',
    controlPlane: { url: plane.url, natsUrl: plane.nats.url, caFile: 'site.crt' },
    listen: {
      tls: on(ports.tls),
      insecureLoopback: on(ports.door),
      health: on(ports.health),
      metrics: on(ports.metrics),
    },
    certificate: { certFile: 'tls.crt', keyFile: 'tls.key' },
    dataDir: 'data',
    enrolmentFile: 'enrolment.json',
    ...changes,
  };
  await writeFile(join(folder, 'gateway.yaml'), stringify({ gateway }));
  const child = spawn(process.execPath, [main, '--config', join(folder, 'gateway.yaml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const made = { child, exited, output: () => output };
  started.push(made);
  return made;
}
const hand = async (): Promise<void> =>
  writeFile(join(folder, 'enrolment.json'), JSON.stringify(await plane.enrolment()));
const status = (port: number, path: string): Promise<number> =>
  fetch(`http://127.0.0.1:${port}${path}`).then(
    (response) => response.status,
    () => 0,
  );
const until = (condition: () => unknown, timeout = 20_000) => expect.poll(condition, { timeout, interval: 50 });
const metric = async (name: string): Promise<string | undefined> =>
  (await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text())
    .split('\n')
    .find((line) => line.startsWith(`${name} `));

describe('a gateway process', () => {
  test('waits alive but not ready, enrols, becomes ready, reports, audits, drains; then serves with everything else dead', {
    timeout: 90_000,
  }, async () => {
    const first = await start();
    await until(() => status(ports.health, '/livez')).toBe(200);
    expect(await status(ports.health, '/readyz')).toBe(503);
    await plane.start();
    await hand();
    await until(() => status(ports.health, '/readyz')).toBe(200);
    await expect(access(join(folder, 'enrolment.json'))).rejects.toThrow();

    const control = await plane.nats.start();
    const reports: GatewayReport[] = [];
    const audited: string[] = [];
    control.subscribe(subjects.report('aws'), { callback: (_error, message) => void reports.push(message.json()) });
    control.subscribe(subjects.audit('aws'), { callback: (_error, message) => void audited.push(message.string()) });
    await control.flush();
    await until(() => reports.at(-1)?.appliedRevision).toBe(1);
    expect(GatewayReport.safeParse(reports.at(-1)).success).toBe(true);
    expect(await metric('portolan_snapshot_revision')).toBe('portolan_snapshot_revision 1');
    expect(await metric('portolan_nats_connected')).toBe('portolan_nats_connected 1');
    expect(await status(ports.door, '/mcp/unknown')).toBe(401);
    await until(() => audited.some((text) => text.includes('token_missing'))).toBe(true);

    first.child.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    expect(first.output()).not.toMatch(/ptl_enr|PRIVATE KEY|"level":50/);
    for (const line of first.output().trim().split('\n')) expect(JSON.parse(line).process).toBe('gateway');

    await plane.stop();
    await plane.nats.kill();
    const begun = Date.now();
    const second = await start();
    await until(() => status(ports.health, '/readyz')).toBe(200);
    expect(Date.now() - begun).toBeLessThan(6000);
    expect(await status(ports.door, '/mcp/unknown')).toBe(401);
    second.child.kill('SIGKILL');
    await second.exited;
    await start();
    await until(() => status(ports.health, '/readyz')).toBe(200);
  });

  test.each<[string, object, RegExp]>([
    [
      'a setting that cannot be',
      { listen: { insecureLoopback: '0.0.0.0:80' } },
      /gateway: .*gateway\.yaml: gateway\.listen\.insecureLoopback: expected a loopback/,
    ],
    [
      'a certificate that is not there',
      { certificate: { certFile: 'none.crt', keyFile: 'tls.key' } },
      /gateway: ENOENT.*none\.crt/,
    ],
    [
      'a key of another certificate',
      { certificate: { certFile: 'site.crt', keyFile: 'tls.key' } },
      /tls\.key: is not the key of the certificate/,
    ],
  ])('%s ends it with a sentence and a code', async (_what, changes, sentence) => {
    const gateway = await start(changes);
    expect(await gateway.exited).toBe(1);
    expect(gateway.output()).toMatch(sentence);
  });

  test('a second one on the same data answers no probe until the first has ended', async () => {
    const first = await start();
    await until(() => status(ports.health, '/livez')).toBe(200);
    const own = { tls: await freePort(), health: await freePort(), metrics: await freePort() };
    const listen = Object.fromEntries(Object.entries(own).map(([name, port]) => [name, `127.0.0.1:${port}`]));
    const second = await start({ listen });
    await until(() => second.output()).toMatch(/another gateway process uses this folder/);
    expect(await status(own.health, '/livez')).toBe(0);
    first.child.kill('SIGKILL');
    await until(() => status(own.health, '/livez')).toBe(200);
  });

  test('a taken port ends it, naming the address', async () => {
    await plane.start();
    await hand();
    await start();
    await until(() => status(ports.health, '/readyz')).toBe(200);
    const second = await start({ dataDir: 'other' });
    expect(await second.exited).toBe(1);
    expect(second.output()).toMatch(new RegExp(`EADDRINUSE.*127\\.0\\.0\\.1:${ports.health}`));
    expect(await readFile(join(folder, 'gateway.yaml'), 'utf8')).toContain('dataDir');
  });
});
