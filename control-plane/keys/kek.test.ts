/** What is sealed opens with its own key for its own row only, and the key's file is private and never overwritten. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hopKeyAad, kekOf, readKekFile, writeKekFile } from './kek.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'portolan-kek-'));
});
afterAll(async () => rm(dir, { recursive: true }));

test('seals and opens; another key, another row or a flipped byte does not open', async () => {
  const kek = kekOf(randomBytes(32));
  const plain = randomBytes(32);
  const sealed = await kek.seal(plain, hopKeyAad('a'));
  expect(await kek.open(sealed, hopKeyAad('a'))).toEqual(plain);
  expect(sealed.includes(plain)).toBe(false);
  await expect(kek.open(sealed, hopKeyAad('b'))).rejects.toThrow('does not open');
  await expect(kekOf(randomBytes(32)).open(sealed, hopKeyAad('a'))).rejects.toThrow('does not open');
  for (let i = 0; i < sealed.length; i += 1) {
    const bent = Buffer.from(sealed);
    bent[i] = (bent[i] ?? 0) ^ 1;
    await expect(kek.open(bent, hopKeyAad('a'))).rejects.toThrow('KEK');
  }
});

test('the same value seals differently each time', async () => {
  const kek = kekOf(randomBytes(32));
  expect(await kek.seal(Buffer.from('x'), 'a')).not.toEqual(await kek.seal(Buffer.from('x'), 'a'));
});

test('the file is 0600, made once, and refused when others may read it', async () => {
  const path = join(dir, 'kek');
  expect(await writeKekFile(path)).toBe(true);
  const first = await readFile(path);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await writeKekFile(path)).toBe(false);
  expect(await readFile(path)).toEqual(first);
  const kek = await readKekFile(path);
  expect(await kekOf(first).open(await kek.seal(Buffer.from('x'), 'a'), 'a')).toEqual(Buffer.from('x'));
  await chmod(path, 0o644);
  await expect(readKekFile(path)).rejects.toThrow('mode 0600');
});

test('of several writers one wins, nobody ever sees half a key, and no draft stays', async () => {
  const place = await mkdtemp(join(dir, 'race-'));
  const path = join(place, 'kek');
  const seen: number[] = [];
  const writing = Promise.all(Array.from({ length: 8 }, () => writeKekFile(path)));
  for (let writes = true; writes; ) {
    writes = await Promise.race([writing.then(() => false), new Promise<true>((go) => setImmediate(go, true))]);
    if (existsSync(path)) seen.push(readFileSync(path).length);
  }
  expect((await writing).filter(Boolean)).toHaveLength(1);
  expect(new Set(seen)).toEqual(new Set([32]));
  expect(await readdir(place)).toEqual(['kek']);
});
