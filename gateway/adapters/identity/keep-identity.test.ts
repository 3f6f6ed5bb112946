import { access, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { api } from '@portolan/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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
const enrolmentFile = (): string => join(folder, 'enrolment.json');
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function begin(): Promise<KeptIdentity> {
  const options = { folder: join(folder, 'identity'), enrolmentFile: enrolmentFile(), clock, log };
  const identity = await openIdentity({ ...options, controlPlane: { url: plane.url, caFile: plane.caFile } });
  const stop = new AbortController();
  running.push({ stop, ended: identity.run(stop.signal) });
  return identity;
}
async function stopAll(): Promise<void> {
  for (const { stop } of running) stop.abort();
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
}
const hand = async (changes: Partial<api.Enrolment> = {}): Promise<void> =>
  writeFile(enrolmentFile(), JSON.stringify({ ...(await plane.enrolment()), ...changes }));
const until = (condition: () => unknown, timeout = 10_000) => expect.poll(condition, { timeout, interval: 20 });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-'));
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

describe('enrolment', () => {
  test('waits for the file and the control plane, enrols once, deletes the secret, and is somebody after a restart without either', async () => {
    const identity = await begin();
    await until(() => logged(/waiting for an enrolment file/)).toBe(true);
    expect(identity.current()).toBeUndefined();
    await hand();
    await until(() => logged(/could not enrol/)).toBe(true);
    await plane.start();
    const offered: string[] = [];
    identity.onObtained(({ snapshot, newMesh }) => offered.push(`${snapshot.split('.').length} ${newMesh}`));
    await until(() => identity.current()?.gateway).toBe('aws');
    await until(() => exists(enrolmentFile())).toBe(false);
    expect(offered).toEqual(['3 false']);
    for (const name of await readdir(join(folder, 'identity')))
      expect((await stat(join(folder, 'identity', name))).mode & 0o777).toBe(0o600);
    expect(JSON.stringify(lines)).not.toContain('ptl_enr');
    const { replica } = identity.keys;

    await stopAll();
    await plane.stop();
    const again = await begin();
    expect([again.current()?.gateway, again.keys.replica]).toEqual(['aws', replica]);
    const { certFile } = again.files();
    expect(await readFile(certFile, 'utf8')).toBe(again.current()?.chain);
  });

  test('a refused secret is asked with once; another file is taken', async () => {
    await plane.start();
    await hand({ token: 'ptl_enr_other' });
    const identity = await begin();
    await until(() => logged(/enrolment refused: .*401: The enrolment secret is not valid.*make a new enrolment/)).toBe(
      true,
    );
    await until(() => logged(/its enrolment was refused/)).toBe(true);
    expect(plane.asked.length).toBe(1);
    await hand();
    await until(() => identity.current()?.gateway).toBe('aws');
  });

  test.each([
    [
      'a chain of another mesh',
      async () => {
        const other = await StandInControlPlane.prepare(await mkdtemp(join(folder, 'other-')));
        await hand({ meshRootSha256: other.mesh.rootSha256 });
      },
    ],
    [
      'a certificate for another name',
      async () => {
        plane.bend = async (identity) => ({
          ...identity,
          certificateChain: (await plane.mesh.leaf([{ type: 'url', value: 'spiffe://test/gateway/azure' }])).chain,
        });
        await hand();
      },
    ],
    ['no snapshot key that the file names', () => hand({ snapshotKeyThumbprints: ['another'] })],
    [
      'another gateway',
      async () => {
        plane.bend = (identity) => ({ ...identity, gateway: 'azure' });
        await hand();
      },
    ],
  ])('%s in the answer is refused', async (_what, arrange) => {
    await plane.start();
    await arrange();
    const identity = await begin();
    await until(() => logged(/enrolment refused/)).toBe(true);
    expect(identity.current()).toBeUndefined();
  });

  test('of roots and snapshot keys in the answer only the pinned ones are kept; others come in with a snapshot', async () => {
    const other = await StandInControlPlane.prepare(await mkdtemp(join(folder, 'other-')));
    const [ours, foreign] = [plane.mesh.rootPem, other.mesh.rootPem];
    plane.bend = (identity) => ({
      ...identity,
      caBundle: [foreign, `${foreign}${ours}`],
      snapshotKeys: [{ ...other.snapshotKey }, ...identity.snapshotKeys],
    });
    await plane.start();
    await hand();
    const identity = await begin();
    await until(() => identity.held()?.snapshotKeys).toEqual([plane.snapshotKey]);
    expect(identity.current()?.ca.map((pem) => pem.trim())).toEqual([ours.trim()]);

    const snapshotKeys = [{ ...other.snapshotKey }];
    await identity.adopt({ meshRootSha256: other.mesh.rootSha256, caBundle: [foreign], snapshotKeys });
    expect(identity.held()?.snapshotKeys).toEqual([plane.snapshotKey]);
    await identity.adopt({ meshRootSha256: plane.mesh.rootSha256, caBundle: [ours, foreign], snapshotKeys });
    expect(identity.held()).toMatchObject({ caBundle: [ours, foreign], snapshotKeys });
  });

  test('a control plane with a foreign public certificate is told nothing', async () => {
    await plane.start();
    await hand();
    const other = await StandInControlPlane.prepare(await mkdtemp(join(folder, 'other-')));
    await writeFile(plane.caFile, other.site.rootPem);
    await begin();
    await until(() => logged(/could not enrol/)).toBe(true);
    expect(plane.asked).toEqual([]);
  });

  test.each(['mesh.key', 'nkey.seed', 'seal.key'])(
    'a gateway whose %s was lost is nobody, shows it, and enrols anew',
    async (lost) => {
      await plane.start();
      await hand();
      const first = await begin();
      await until(() => exists(enrolmentFile())).toBe(false);
      await stopAll();
      await rm(join(folder, 'identity', lost));
      const again = await begin();
      expect(again.current()).toBeUndefined();
      expect(await exists(join(folder, 'identity', 'identity.json'))).toBe(false);
      expect(lines.filter(({ text }) => /identity is of other keys/.test(text))).toMatchObject([{ level: 'warn' }]);
      await hand();
      await until(() => again.current()?.gateway).toBe('aws');
      const names = [first, again].map(({ keys }) => [keys.meshKey, keys.nkey, keys.replica].join());
      expect(names[1]).not.toBe(names[0]);
    },
  );

  test('a folder that was deleted under a running gateway is whole again after a new enrolment', async () => {
    await plane.start();
    await hand();
    const running = await begin();
    await until(() => exists(enrolmentFile())).toBe(false);
    await rm(join(folder, 'identity'), { recursive: true });
    await hand();
    await until(() => exists(enrolmentFile())).toBe(false);
    await stopAll();
    const again = await begin();
    expect(again.current()?.chain).toBe(running.current()?.chain);
    expect(again.keys.replica).toBe(running.keys.replica);
  });

  test('a file that is no key is not replaced', async () => {
    await begin();
    await stopAll();
    const file = join(folder, 'identity', 'mesh.key');
    await writeFile(file, 'torn');
    await expect(begin()).rejects.toThrow(/mesh\.key: holds no key/);
    expect(await readFile(file, 'utf8')).toBe('torn');
  });
});

describe('renewal', () => {
  test('at two thirds of the life, with the certificate itself, on the same keys', async () => {
    plane.certificateLife = 6000;
    await plane.start();
    await hand();
    const identity = await begin();
    await until(() => identity.current() !== undefined).toBe(true);
    const { caBundle, snapshotKeys } = identity.held() ?? {};
    plane.bend = (answer) => ({ ...answer, caBundle: [plane.site.rootPem], snapshotKeys: [{ kty: 'OKP' }] });
    await until(() => exists(enrolmentFile())).toBe(false);
    const [before, born] = [identity.current(), Date.now()];
    const changes: number[] = [];
    identity.onChange(() => changes.push(Date.now() - born));
    await until(() => changes.length).toBe(1);
    expect(changes[0]).toBeGreaterThan(2500);
    expect(identity.current()?.chain).not.toBe(before?.chain);
    expect(identity.current()?.key).toBe(before?.key);
    expect(identity.held()).toMatchObject({ caBundle, snapshotKeys });
    expect(plane.asked.at(-1)).toEqual({ path: '/api/v1/renew', authorized: true });
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('a machine that slept past the end asks with the expired certificate, and heals', async () => {
    plane.certificateLife = 3000;
    await plane.start();
    await hand();
    const identity = await begin();
    await until(() => identity.current() !== undefined).toBe(true);
    const first = identity.current()?.chain;
    await plane.stop();
    await until(() => (identity.current()?.notAfter ?? 0) < Date.now()).toBe(true);
    await until(() => logged(/could not be renewed/)).toBe(true);
    await until(() => logged(/long due for renewal/)).toBe(true);
    plane.certificateLife = 60_000;
    await plane.start();
    identity.nudge();
    await until(() => identity.current()?.chain !== first).toBe(true);
    expect(plane.asked.at(-1)).toEqual({ path: '/api/v1/renew', authorized: false });
  });

  test('a refusal leaves the identity as it is; the next try may succeed', async () => {
    plane.certificateLife = 60_000;
    await plane.start();
    await hand();
    const identity = await begin();
    await until(() => identity.current() !== undefined).toBe(true);
    const first = identity.current()?.chain;
    plane.refuseWith = 403;
    ahead = 45_000;
    await until(() => logged(/could not be renewed: the control plane answered 403/)).toBe(true);
    expect(identity.current()?.chain).toBe(first);
    plane.refuseWith = undefined;
    identity.nudge();
    await until(() => identity.current()?.chain !== first).toBe(true);
  });

  test('the control plane must show its own SPIFFE ID: another member of the mesh is told nothing', async () => {
    plane.certificateLife = 60_000;
    await plane.start();
    await hand();
    const identity = await begin();
    await until(() => identity.current() !== undefined).toBe(true);
    await plane.stop();
    plane.controlSpiffeId = 'spiffe://test/gateway/azure';
    await plane.start();
    plane.asked.length = 0;
    ahead = 45_000;
    await until(() => logged(/could not be renewed: expected the one URI SAN spiffe:\/\/test\/control/)).toBe(true);
    expect(plane.asked).toEqual([]);
  });

  test('a new enrolment file re-enrols an enrolled gateway', async () => {
    await plane.start();
    await hand();
    const identity = await begin();
    await until(() => identity.current() !== undefined).toBe(true);
    const first = identity.current()?.chain;
    await until(() => exists(enrolmentFile())).toBe(false);
    await hand();
    await until(() => identity.current()?.chain !== first).toBe(true);
  });
});
