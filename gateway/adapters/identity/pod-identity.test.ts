/** A pod that enrols by its projected service-account token: when it asks, with what, and whom it believes. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Log } from '../../ports.ts';
import { StandInControlPlane } from '../stand-in/control-plane.ts';
import { type KeptIdentity, openIdentity } from './keep-identity.ts';

let folder: string;
let plane: StandInControlPlane;
let lines: { level: string; text: string }[];
let running: { readonly stop: AbortController; readonly ended: Promise<void> }[];
/** Added to the wall clock, in ms. */
let ahead: number;

const said = (level: string) => (_fields: object, text: string) => void lines.push({ level, text });
const log: Log = { info: said('info'), warn: said('warn'), error: said('error') };
const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() };
const logged = (text: RegExp): boolean => lines.some((line) => text.test(line.text));
const tokenFile = (): string => join(folder, 'token');
const until = (condition: () => unknown, timeout = 15_000) => expect.poll(condition, { timeout, interval: 20 });
const paths = (): string[] => plane.asked.map(({ path }) => path.replace('/api/v1/', ''));

async function begin(): Promise<KeptIdentity> {
  const identity = await openIdentity({
    folder: join(folder, 'identity'),
    enrolmentFile: join(folder, 'enrolment.json'),
    serviceAccountTokenFile: tokenFile(),
    controlPlane: { url: plane.url, caFile: plane.caFile },
    clock,
    log,
  });
  const stop = new AbortController();
  running.push({ stop, ended: identity.run(stop.signal) });
  return identity;
}
/** As kubelet does it: the file is another one afterwards. */
async function project(token: string): Promise<void> {
  plane.serviceAccountToken = token;
  await writeFile(tokenFile(), `${token}\n`);
}
async function stopAll(): Promise<void> {
  for (const { stop } of running) stop.abort();
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pod-identity-'));
  plane = await StandInControlPlane.prepare(folder);
  lines = [];
  running = [];
  ahead = 0;
});
afterEach(async () => {
  await stopAll();
  await plane.stop();
  await rm(folder, { recursive: true, force: true });
});

test('enrols by the token that lies there at the time, writes it nowhere, and needs it no more after a restart', async () => {
  const identity = await begin();
  await until(() => logged(/could not enrol: .*token holds no service-account token: mount a projected volume/)).toBe(
    true,
  );
  await plane.start();
  await project('first');
  plane.serviceAccountToken = 'second';
  await until(() => logged(/could not enrol: the control plane answered 403/)).toBe(true);
  await project('second'); // kubelet has replaced it
  await until(() => identity.current()?.gateway).toBe('aws');
  const { replica } = identity.keys;
  const files = await readdir(join(folder, 'identity'));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, 'identity', name), 'utf8')));
  expect(`${texts.join()}${JSON.stringify(lines)}`).not.toMatch(/first|second/);

  await stopAll();
  await rm(tokenFile());
  const again = await begin();
  expect([again.current()?.gateway, again.keys.replica]).toEqual(['aws', replica]);
});

test('renews over mutual TLS and keeps whom it trusts; where that is refused it enrols again with the same keys', async () => {
  plane.certificateLife = 60_000;
  await plane.start();
  await project('token');
  const identity = await begin();
  await until(() => identity.current() !== undefined).toBe(true);
  const { replica } = identity.keys;
  const trust = (): unknown[] => [identity.held()?.caBundle, identity.held()?.snapshotKeys];
  const before = trust();
  const other = await StandInControlPlane.prepare(await mkdtemp(join(folder, 'other-')));
  const key = { ...other.snapshotKey };
  plane.bend = (answer) => ({ ...answer, caBundle: [...answer.caBundle, other.mesh.rootPem], snapshotKeys: [key] });
  plane.asked.length = 0;
  ahead = 45_000;
  await until(paths).toEqual(['renew']);
  await until(() => logged(/mesh certificate renewed/)).toBe(true);

  plane.refuseRenewalWith = 403;
  await project('rotated');
  const chain = identity.current()?.chain;
  ahead = 95_000;
  plane.certificateLife = 600_000;
  await until(() => identity.current()?.chain !== chain).toBe(true);
  expect(paths().at(-1)).toBe('enroll');
  expect(identity.keys.replica).toBe(replica);
  expect(trust()).toEqual(before);
});

test('whose certificate expired while it was away enrols again, without asking for a renewal', async () => {
  plane.certificateLife = 60_000;
  await plane.start();
  await project('token');
  const identity = await begin();
  await until(() => identity.current() !== undefined).toBe(true);
  const chain = identity.current()?.chain;
  plane.asked.length = 0;
  plane.certificateLife = 3_600_000;
  ahead = 120_000;
  await until(() => identity.current()?.chain !== chain).toBe(true);
  expect(paths()).toEqual(['enroll']);
});

test('a control plane without the certificate of its public name is given no token', async () => {
  await plane.start();
  await project('token');
  const other = await StandInControlPlane.prepare(await mkdtemp(join(folder, 'other-')));
  await writeFile(plane.caFile, other.site.rootPem);
  await begin();
  await until(() => logged(/could not enrol/)).toBe(true);
  expect(plane.asked).toEqual([]);
});

test('of a control plane that was built anew it takes the new mesh whole, and says so', async () => {
  plane.certificateLife = 60_000;
  await plane.start();
  await project('token');
  const identity = await begin();
  await until(() => identity.current() !== undefined).toBe(true);
  await plane.stop();
  const next = await StandInControlPlane.prepare(await mkdtemp(join(folder, 'next-')));
  next.serviceAccountToken = 'token';
  const news: boolean[] = [];
  identity.onObtained(({ newMesh }) => news.push(newMesh));
  // as if at the same address: certificates of the public name come from the same authority
  Object.assign(plane, { mesh: next.mesh });
  plane.bend = (answer) => ({ ...answer, snapshotKeys: [{ ...next.snapshotKey }] });
  plane.certificateLife = 3_600_000;
  await plane.start();
  ahead = 120_000;
  await until(() => news.at(-1)).toBe(true);
  expect(identity.held()).toMatchObject({
    meshRootSha256: next.mesh.rootSha256,
    snapshotKeys: [{ ...next.snapshotKey }],
  });
  expect(identity.current()?.ca).toHaveLength(1);
});

test('an answer whose certificate is for another key or another name than it says is refused', async () => {
  await plane.start();
  await project('token');
  plane.bend = async (answer) => ({
    ...answer,
    certificateChain: (await plane.mesh.leaf([{ type: 'url', value: 'spiffe://test/gateway/aws' }])).chain,
  });
  const identity = await begin();
  await until(() => logged(/could not enrol: the certificate in the answer is not acceptable/)).toBe(true);
  plane.bend = (answer) => ({ ...answer, gateway: 'azure' });
  await until(() => logged(/spiffe:\/\/test\/gateway\/azure/)).toBe(true);
  expect(identity.current()).toBeUndefined();
});
