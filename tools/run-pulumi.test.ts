// `npx pulumi` away from a terminal, with a program in the CLI's place that notes each signal.

import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { stackPlace } from './stack/index.ts';

test('a signal to the whole process group reaches the CLI once: asked twice it ends without tidying up', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-cli-'));
  const place = await stackPlace(`cli-${process.pid}`);
  const [cli, notes] = [join(folder, 'pulumi'), join(folder, 'notes')];
  const noted = async () => (await readFile(notes, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  try {
    await writeFile(
      cli,
      `#!${process.execPath}
      if (process.argv[2] === 'version') return console.log('v3.999.0');
      const note = (text) => require('node:fs').appendFileSync(${JSON.stringify(notes)}, text + '\\n');
      process.on('SIGTERM', () => {
        note('SIGTERM');
        setTimeout(() => process.exit(7), 300);
      });
      setInterval(() => {}, 1000);
      note('up');`,
    );
    await chmod(cli, 0o755);
    const child = spawn(process.execPath, [join(import.meta.dirname, 'pulumi.mjs'), 'whoami'], {
      env: { ...process.env, PORTOLAN_PULUMI: cli, PORTOLAN_STACK: place.name },
      detached: true,
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await vi.waitFor(async () => expect(await noted()).toEqual(['up']), { timeout: 20_000 });
    process.kill(-(child.pid ?? 0), 'SIGTERM');
    expect(await ended).toBe(7);
    expect(await noted()).toEqual(['up', 'SIGTERM']);
  } finally {
    await rm(place.folder, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }
});
