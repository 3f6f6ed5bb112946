// Leftovers are found by folder, wherever it stands, and only they.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endAll, leftovers } from './leftovers.ts';

test.each([
  ['its environment', (folder: string) => ({ env: { PATH: process.env.PATH, TMPDIR: folder } }), []],
  ['its working directory', (folder: string) => ({ cwd: folder }), []],
  ['its arguments', () => ({}), ['argument']],
])('a process that carries the folder in %s is found and ended', async (_where, options, args) => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-left-'));
  const own = args.length > 0 ? [folder] : [];
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log(1)', ...own], {
    ...options(folder),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  const found = leftovers(folder);
  expect(found.map(({ pid }) => pid)).toEqual([child.pid]);
  const ended = once(child, 'exit');
  endAll(found);
  await ended;
  expect(leftovers(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});
