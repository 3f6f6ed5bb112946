import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Log } from '../ports.ts';
import { lockFolder } from './lock-folder.ts';

let folder: string;
const folders: string[] = [];
const warnings: string[] = [];
const log: Log = { info: () => undefined, warn: (_fields, text) => void warnings.push(text), error: () => undefined };
beforeEach(async () => {
  warnings.length = 0; // a test that is tried again begins anew
  folder = join(await mkdtemp(join(tmpdir(), 'lock-')), 'data');
  folders.push(folder);
});
// not before: this process holds the folder's number in the file system, which another folder may have after it
afterAll(() => Promise.all(folders.map((made) => rm(join(made, '..'), { recursive: true, force: true }))));

describe.skipIf(process.platform !== 'linux')('a data folder', () => {
  test('belongs to one process, until that one ends, however it ends', async () => {
    const program = `const { lockFolder } = await import(${JSON.stringify(join(import.meta.dirname, 'lock-folder.ts'))});
      await lockFolder(${JSON.stringify(folder)}, console, 0); process.stdout.write('held'); setInterval(() => {}, 1e6);`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await expect(lockFolder(folder, log, 100)).rejects.toThrow(/another gateway process uses this folder: stop it/);
    const waiting = lockFolder(folder, log, 20_000);
    await expect.poll(() => warnings.length, { interval: 5 }).toBe(2);
    holder.kill('SIGKILL');
    await waiting;
    await expect(lockFolder(folder, log, 0)).rejects.toThrow(/another gateway process/);
  });
});
