import { createPublicKey, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SealedKey } from '@portolan/core';
import fc from 'fast-check';
import { CompactEncrypt, importJWK } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Log } from '../../ports.ts';
import { type GatewayKeys, keepKeys } from '../identity/keys.ts';
import { SealingKeys, stillOpening } from './sealing-keys.ts';
import { sessionSealer } from './session-sealer.ts';

let folder: string;
let keys: GatewayKeys;
let alarms: string[];
const log: Log = { info: () => undefined, warn: () => undefined, error: (_fields, text) => void alarms.push(text) };
const clock = { now: () => Date.now(), monotonic: () => performance.now() };
const binding = { server: 'mcp-legacy', principal: 'user:alice', upstreamId: 'c0ffee00-0000-4000-8000-000000000000' };
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
  return sessionSealer(own);
}

describe('sealed session ids', () => {
  test('open to what was sealed, and are short texts of header characters', async () => {
    const sealer = await sealerOf(await sealed('k1', 1));
    fc.assert(
      fc.property(
        fc.string({ maxLength: 60 }),
        fc.string({ maxLength: 60 }),
        fc.string({ maxLength: 300 }),
        (server, principal, upstreamId) => {
          const text = sealer.seal({ server, principal, upstreamId });
          expect(text).toMatch(/^[A-Za-z0-9_-]{1,1024}$/);
          expect(sealer.open(text ?? '')).toEqual({ server, principal, upstreamId });
        },
      ),
    );
  });

  test('that are foreign, changed, torn or noise open to nothing', async () => {
    const shared = randomBytes(32);
    const sealer = await sealerOf(await sealed('k1', 1, shared));
    const text = sealer.seal(binding) ?? '';
    const other = await sealerOf(await sealed('k1', 1));
    expect(other.open(text)).toBeUndefined();
    for (let at = 0; at < text.length; at += 1) {
      const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
      expect(sealer.open(changed)).toBeUndefined();
      expect(sealer.open(text.slice(0, at))).toBeUndefined();
    }
    for (const spelt of [`${text}=`, ` ${text}`, `${text}A`, text.repeat(20)])
      expect(sealer.open(spelt)).toBeUndefined();
    fc.assert(fc.property(fc.string(), (noise) => sealer.open(noise) === undefined));
  });

  test('that would be longer than 1 KB are not made', async () => {
    const sealer = await sealerOf(await sealed('k1', 1));
    expect(sealer.seal({ ...binding, upstreamId: 'x'.repeat(900) })).toBeUndefined();
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
    const old = sessionSealer(own).seal(binding) ?? '';
    await own.adopt([first, second]);
    expect(own.newest()?.kid).toBe('k2');
    await own.adopt([second]);
    expect(sessionSealer(own).open(old)).toEqual(binding);
    expect((await stat(join(folder, 'sealing-keys.json'))).mode & 0o777).toBe(0o600);
    const restarted = ring();
    await restarted.restore();
    expect(sessionSealer(restarted).open(old)).toEqual(binding);
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
