import { createPublicKey, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SealedKey } from '@portolan/core';
import fc from 'fast-check';
import { CompactEncrypt, importJWK } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HandleKind, Log } from '../../ports.ts';
import { type GatewayKeys, keepKeys } from '../identity/keys.ts';
import { handleSealer } from './handle-sealer.ts';
import { SealingKeys, stillOpening } from './sealing-keys.ts';

let folder: string;
let keys: GatewayKeys;
let alarms: string[];
const log: Log = { info: () => undefined, warn: () => undefined, error: (_fields, text) => void alarms.push(text) };
const clock = { now: () => Date.now(), monotonic: () => performance.now() };
const bound = { server: 'mcp-legacy', principal: 'user:alice', upstreamId: 'c0ffee00-0000-4000-8000-000000000000' };
const binding = { kind: 'session' as const, ...bound };
/** A session, sealed by this gateway's first release with a key of 32 bytes 7. */
const SEALED_BEFORE =
  'AQJrMbq--ONOFBG4V2ahAaAh1FfrRBRjnGc_728_ZoPEORyQCRoItoSvlJwWOUJ9Y-mvUeIOMSQdlgCmXMVv-kjsoCZCBnWYjpnnjLknLGUEKIK91dTF4tfAPV7ZLfLq660';
const KINDS: readonly HandleKind[] = ['session', 'event', 'task', 'state'];
const DAY = 86_400_000;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealing-'));
  keys = await keepKeys(folder);
  alarms = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function sealed(
  kid: string,
  createdAt: number,
  secret = randomBytes(32),
  replica = keys.replica,
): Promise<SealedKey> {
  const to = await importJWK({ ...createPublicKey(keys.sealKey).export({ format: 'jwk' }) }, 'ECDH-ES+A256KW');
  const jwe = await new CompactEncrypt(secret)
    .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' })
    .encrypt(to);
  return { kid, createdAt, sealed: { [replica]: jwe } };
}
const ring = (): SealingKeys => new SealingKeys({ folder, replica: keys.replica, sealKey: keys.sealKey, clock, log });
async function sealerOf(...from: SealedKey[]) {
  const own = ring();
  await own.adopt(from);
  return handleSealer(own);
}

describe('sealed handles', () => {
  test('open to what was sealed, and are short texts of header characters', async () => {
    const sealer = await sealerOf(await sealed('k1', 1));
    fc.assert(
      fc.property(
        fc.constantFrom(...KINDS),
        fc.string({ maxLength: 60 }),
        fc.string({ maxLength: 60 }),
        fc.string({ maxLength: 300, unit: 'binary' }),
        (kind, server, principal, upstreamId) => {
          fc.pre(Buffer.byteLength(JSON.stringify(upstreamId)) < 500);
          const handle = { kind, server, principal, upstreamId };
          const text = sealer.seal(handle);
          expect(text).toMatch(/^[A-Za-z0-9_-]{1,1024}$/);
          expect(sealer.open(kind, text ?? '')).toEqual(handle);
          for (const other of KINDS) if (other !== kind) expect(sealer.open(other, text ?? '')).toBeUndefined();
        },
      ),
    );
  });

  test.each(KINDS)('of kind %s that are foreign, changed, torn or noise open to nothing', async (kind) => {
    const sealer = await sealerOf(await sealed('k1', 1));
    const text = sealer.seal({ ...binding, kind }) ?? '';
    const other = await sealerOf(await sealed('k1', 1));
    expect(other.open(kind, text)).toBeUndefined();
    for (let at = 0; at < text.length; at += 1) {
      const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
      expect(sealer.open(kind, changed)).toBeUndefined();
      expect(sealer.open(kind, text.slice(0, at))).toBeUndefined();
    }
    for (const spelt of [`${text}=`, ` ${text}`, `${text}A`, text.repeat(20)])
      expect(sealer.open(kind, spelt)).toBeUndefined();
    fc.assert(fc.property(fc.string(), (noise) => sealer.open(kind, noise) === undefined));
  });

  test('have one name wherever they are sealed, and different ones where anything of them differs', async () => {
    const shared = randomBytes(32);
    const [one, two] = [await sealerOf(await sealed('k1', 1, shared)), await sealerOf(await sealed('k1', 1, shared))];
    const task = { ...binding, kind: 'task' as const };
    expect(one.seal(task)).toBe(two.seal(task));
    const others = [{ kind: 'state' as const }, { server: 's' }, { principal: 'p' }, { upstreamId: 'u' }];
    const names = [task, ...others.map((other) => ({ ...task, ...other }))].map((handle) => one.seal(handle));
    // the nonce is all that two of the same length may have in common by chance
    expect(new Set(names.map((name) => Buffer.from(name ?? '', 'base64url').toString('hex', 4, 16))).size).toBe(5);
  });

  test('of sessions keep the form that they had before there were others', async () => {
    const secret = Buffer.alloc(32, 7);
    const sealer = await sealerOf(await sealed('k1', 1, secret));
    expect(sealer.open('session', SEALED_BEFORE)).toEqual(binding);
    expect(Buffer.from(sealer.seal(binding) ?? '', 'base64url')[0]).toBe(1);
  });

  test('that would be longer than 1 KB are not made, but for request states, which travel in bodies', async () => {
    const sealer = await sealerOf(await sealed('k1', 1));
    const long = (kind: HandleKind, length: number) => sealer.seal({ ...bound, kind, upstreamId: 'x'.repeat(length) });
    expect([long('session', 900), long('event', 900), long('task', 900)]).toEqual([undefined, undefined, undefined]);
    expect(sealer.open('state', long('state', 700_000) ?? '')?.upstreamId).toHaveLength(700_000);
    expect(long('state', 800_000)).toBeUndefined();
  });

  test('are not made before there is a key', async () => {
    expect((await sealerOf()).seal(binding)).toBeUndefined();
    expect((await sealerOf(await sealed('k1', 1, randomBytes(32), 'another replica'))).seal(binding)).toBeUndefined();
  });
});

describe('sealing keys', () => {
  test('the newest seals, an older one opens, also after a restart and after it has left the snapshot', async () => {
    const [first, second] = [await sealed('k1', Date.now() - DAY), await sealed('k2', Date.now())];
    const own = ring();
    await own.adopt([first]);
    const old = handleSealer(own).seal(binding) ?? '';
    await own.adopt([first, second]);
    expect(own.newest()?.kid).toBe('k2');
    await own.adopt([second]);
    expect(handleSealer(own).open('session', old)).toEqual(binding);
    expect((await stat(join(folder, 'sealing-keys.json'))).mode & 0o777).toBe(0o600);
    const restarted = ring();
    await restarted.restore();
    expect(handleSealer(restarted).open('session', old)).toEqual(binding);
    expect(await readFile(join(folder, 'sealing-keys.json'), 'utf8')).not.toContain(
      own.newest()?.secret.toString('base64'),
    );
  });

  test('one opens for 30 days after its successor came', () => {
    const all = [{ createdAt: 0 }, { createdAt: 10 * DAY }, { createdAt: 20 * DAY }];
    const left = (now: number): number[] => stillOpening(all, now).map(({ createdAt }) => createdAt / DAY);
    expect(left(39 * DAY)).toEqual([20, 10, 0]);
    expect(left(41 * DAY)).toEqual([20, 10]);
    expect(left(400 * DAY)).toEqual([20]);
  });

  test('one that cannot be opened, and a corrupt file, are alarms and cost nothing else', async () => {
    const now = Date.now();
    const own = ring();
    await own.adopt([
      { kid: 'bad', createdAt: now, sealed: { [keys.replica]: 'no.jwe' } },
      await sealed('good', now - 1),
    ]);
    expect(own.newest()?.kid).toBe('good');
    await writeFile(join(folder, 'sealing-keys.json'), '{');
    const restarted = ring();
    await restarted.restore();
    await restarted.adopt([await sealed('next', now + 1)]);
    expect([restarted.newest()?.kid, alarms.length]).toEqual(['next', 2]);
  });
});
