import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Snapshot } from '@portolan/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Log } from '../../ports.ts';
import { FEDERATION, GATEWAY, StandInControlPlane } from '../stand-in/control-plane.ts';
import { type RegistryOptions, SnapshotRegistry } from './snapshot-registry.ts';

let folder: string;
let plane: StandInControlPlane;
let alarms: string[];
const log: Log = {
  info: () => undefined,
  warn: (_fields, text) => void alarms.push(text),
  error: (_fields, text) => void alarms.push(text),
};
const clock = { now: () => Date.now(), monotonic: () => performance.now() };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'snapshot-'));
  plane = await StandInControlPlane.prepare(folder);
  alarms = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const registry = (own: Partial<RegistryOptions> = {}): SnapshotRegistry =>
  new SnapshotRegistry({
    folder,
    audience: () => ({ federation: FEDERATION, gateway: GATEWAY, meshRootSha256: 'm1' }),
    keys: () => [plane.snapshotKey],
    fetchPart: async () => undefined,
    clock,
    log,
    ...own,
  });

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');
const tables = (tokens = 1): NonNullable<Snapshot['tables']> => ({
  peers: [{ name: 'azure', url: 'https://azure.example.com', dial: 'azure:443', minIssuedAt: 0 }],
  servers: [{ name: 'mcp-m365', proxyUrl: 'https://azure.example.com', gateway: 'azure' }],
  grants: [
    {
      id: 'g1',
      effect: 'allow',
      principal: { kind: 'user', name: 'alice' },
      server: 'mcp-m365',
      everything: true,
      tools: [],
      prompts: [],
      resources: [],
    },
  ],
  tokens: Array.from({ length: tokens }, (_none, at) => ({
    id: String(at).padStart(10, '0'),
    kind: 'pat' as const,
    principal: { kind: 'user' as const, name: 'alice' },
    secretSha256: digest(`s${at}`),
    proofSha256: digest(`p${at}`),
    expiresAt: 4e12,
  })),
});

describe('an offered snapshot', () => {
  test('that is signed for us is applied as a whole, with look-ups', async () => {
    const own = registry();
    const seen: (number | undefined)[] = [];
    own.onChange(() => seen.push(own.current()?.revision));
    expect(
      await own.offer(await plane.sign({ tables: tables(), revision: 3, issuedAt: 1000, maxStalenessMs: 500 }), 'test'),
    ).toBe('applied');
    const current = own.current();
    expect(current).toMatchObject({
      revision: 3,
      notAfter: 1500,
      self: { name: 'aws', url: 'https://aws.example.com' },
    });
    expect(current?.peersByUrl.get('https://azure.example.com')?.dial).toBe('azure:443');
    expect(current?.tokens.get('0000000000')?.secretSha256.toString('base64url')).toBe(digest('s0'));
    expect(current?.grantsOf('user', 'alice').mayCall('mcp-m365', 'anything')).toBe(true);
    expect(current?.grantsOf('user', 'bob').mayCall('mcp-m365', 'anything')).toBe(false);
    expect(current?.grantsOf('virtual-account', 'alice').onServer('mcp-m365')).toBe(false);
    expect(seen).toEqual([3]);
    expect((await stat(join(folder, 'snapshot.json'))).mode & 0o777).toBe(0o600);
  });

  test('of an equal or lower revision changes nothing', async () => {
    const own = registry();
    const second = await plane.sign({ revision: 2 });
    expect(await own.offer(second, 'test')).toBe('applied');
    expect(await own.offer(second, 'test')).toBe('known');
    expect(await own.offer(await plane.sign({ revision: 2, tables: tables() }), 'test')).toBe('known');
    expect(await own.offer(await plane.sign({ revision: 1 }), 'test')).toBe('known');
    expect(own.current()?.servers.size).toBe(0);
    expect(alarms.filter((text) => /older snapshot/.test(text)).length).toBe(1);
  });

  const foreign = generateKeyPairSync('ed25519').privateKey;
  test.each<[string, () => Promise<string>]>([
    ['another key', () => plane.sign({ revision: 9 }, foreign)],
    ['another type', () => plane.sign({ revision: 9 }, undefined, 'jwt')],
    ['another gateway', () => plane.sign({ revision: 9, gateway: 'azure' })],
    ['another federation', () => plane.sign({ revision: 9, federation: 'other' })],
    ['a flipped byte', async () => (await plane.sign({ revision: 9 })).replace(/\.(.{40})./, '.$1A')],
    ['no signature', async () => `${(await plane.sign({ revision: 9 })).split('.').slice(0, 2).join('.')}.`],
    [
      '"alg": "none"',
      async () => `${Buffer.from('{"alg":"none","typ":"portolan-snapshot+jwt"}').toString('base64url')}.e30.`,
    ],
    ['no tables', () => plane.sign({ revision: 9, tables: undefined as never })],
    [
      'a row of another form',
      () => plane.sign({ revision: 9, tables: { ...tables(), servers: [{ name: 'Bad Name' }] as never } }),
    ],
    [
      'a short digest',
      () =>
        plane.sign({
          revision: 9,
          tables: { ...tables(), tokens: [{ ...tables().tokens[0], secretSha256: 'AAAA' }] as never },
        }),
    ],
    ['noise', async () => 'noise'],
  ])('with %s is refused, and the one in force stays', async (_what, make) => {
    const own = registry();
    await own.offer(await plane.sign({ revision: 2 }), 'test');
    const bad = await make();
    expect([await own.offer(bad, 'test'), await own.offer(bad, 'test')]).toEqual(['refused', 'refused']);
    expect(own.applied()?.revision).toBe(2);
    expect(alarms.filter((text) => /snapshot refused: .*; revision 2 stays in force/.test(text)).length).toBe(1);
    expect(await own.offer(await plane.sign({ revision: 3 }), 'test')).toBe('applied');
  });

  test('may be signed by a key that the one in force announces', async () => {
    const next = generateKeyPairSync('ed25519');
    const second = next.publicKey.export({ format: 'jwk' });
    const own = registry({ keys: () => own.applied()?.snapshotKeys ?? [plane.snapshotKey] });
    const both = [plane.snapshotKey, second] as Snapshot['snapshotKeys'];
    await own.offer(await plane.sign({ snapshotKeys: both }), 'test');
    const alone = { revision: 2, snapshotKeys: [second] as Snapshot['snapshotKeys'] };
    expect(await own.offer(await plane.sign(alone, next.privateKey), 'test')).toBe('applied');
    // and no longer by one that it has dropped
    expect(await own.offer(await plane.sign({ revision: 3 }), 'test')).toBe('refused');
  });

  test('in parts is applied once every part is there and whole', async () => {
    const packed = gzipSync(JSON.stringify(tables(500)));
    const cut = [packed.subarray(0, 1000), packed.subarray(1000)];
    const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    const there = new Map([[sha(cut[0] as Buffer), cut[0] as Buffer]]);
    const own = registry({ fetchPart: async (name) => there.get(name) });
    const parts = cut.map((bytes) => ({ sha256: sha(bytes), size: bytes.length }));
    const jws = await plane.sign({ tables: undefined as never, parts, digest: 'of the inline form' });
    expect(await own.offer(jws, 'test')).toBe('incomplete');
    there.set(sha(cut[1] as Buffer), Buffer.from('corrupt'));
    expect(await own.offer(jws, 'test')).toBe('refused');
    there.set(sha(cut[1] as Buffer), cut[1] as Buffer);
    expect(await own.offer(jws, 'test')).toBe('applied');
    expect(own.current()?.tokens.size).toBe(500);
    expect(own.applied()?.digest).toBe('of the inline form');
    const restarted = registry();
    await restarted.restore();
    expect(restarted.current()?.tokens.size).toBe(500);
  });

  test('of 10 000 tokens is applied within a second, and calls go on meanwhile', { retry: 2 }, async () => {
    const own = registry();
    const jws = await plane.sign({ tables: tables(10_000) });
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    const begun = performance.now();
    expect(await own.offer(jws, 'test')).toBe('applied');
    clearImmediate(next);
    expect(performance.now() - begun).toBeLessThan(1000);
    // rows are checked and compiled in slices: one turn of the event loop each
    expect(turns).toBeGreaterThan(60);
  });
});

describe('the last good snapshot on disk', () => {
  test('is served after a restart, also where its signing key has been replaced since', async () => {
    await registry().offer(await plane.sign({ revision: 7, tables: tables() }), 'test');
    const restarted = registry({ keys: () => [] });
    await restarted.restore();
    expect(restarted.applied()).toMatchObject({ revision: 7, sealingKeys: [] });
  });

  test.each([
    ['torn', (text: string) => text.slice(0, 500)],
    ['flipped', (text: string) => text.replace(/"jws":"(.{300})./, '"jws":"$1!')],
    ['empty', () => ''],
  ])('that is %s is not applied: the one before is, and an alarm is logged', async (_what, spoil) => {
    const first = registry();
    await first.offer(await plane.sign({ revision: 7 }), 'test');
    await first.offer(await plane.sign({ revision: 8 }), 'test');
    const path = join(folder, 'snapshot.json');
    await writeFile(path, spoil(await readFile(path, 'utf8')));
    const restarted = registry();
    await restarted.restore();
    expect(restarted.applied()?.revision).toBe(7);
    expect(alarms.some((text) => /snapshot refused/.test(text))).toBe(true);
  });

  test('of another gateway is not applied', async () => {
    await registry().offer(await plane.sign({}), 'test');
    const restarted = registry({
      audience: () => ({ federation: FEDERATION, gateway: 'azure', meshRootSha256: 'm1' }),
    });
    await restarted.restore();
    expect(restarted.current()).toBeUndefined();
  });

  test('of another mesh of the same names is not applied: its revisions would hide the new ones', async () => {
    await registry().offer(await plane.sign({ revision: 50 }), 'test');
    const restarted = registry({
      audience: () => ({ federation: FEDERATION, gateway: GATEWAY, meshRootSha256: 'm2' }),
    });
    await restarted.restore();
    expect(restarted.current()).toBeUndefined();
    expect(await restarted.offer(await plane.sign({ revision: 1 }), 'test')).toBe('applied');
  });

  test('that cannot be written is an alarm; the snapshot is in force', async () => {
    const own = registry({ folder: plane.caFile });
    expect(await own.offer(await plane.sign({}), 'test')).toBe('applied');
    expect(alarms).toEqual(['the snapshot is in force but could not be written to disk']);
  });

  test('another mesh counts its revisions anew', async () => {
    const own = registry();
    await own.offer(await plane.sign({ revision: 50 }), 'test');
    const forgotten = own.forget();
    expect(await own.offer(await plane.sign({ revision: 1 }), 'test')).toBe('applied');
    await forgotten;
    expect(own.applied()?.revision).toBe(1);
  });
});
