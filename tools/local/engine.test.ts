// The engine's process on being asked to end, with a program in its place that notes each signal.

import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, expect, test, vi } from 'vitest';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portolan-engine-'));
  return () => rm(folder, { recursive: true, force: true });
});

const noted = async () => (await readFile(join(folder, 'noted'), 'utf8').catch(() => '')).split('\n').filter(Boolean);

/** A command that runs an engine which ends at the nth SIGINT, in a process group of its own. */
async function command(ends: number) {
  const engine = join(folder, 'engine');
  await writeFile(
    engine,
    `#!${process.execPath}
    const note = (text) => require('node:fs').appendFileSync(${JSON.stringify(join(folder, 'noted'))}, text + '\\n');
    let left = ${ends};
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => {
      note(name);
      if (name === 'SIGINT' && --left === 0) setTimeout(() => { note('ended'); process.exit(0); }, 300);
    });
    setInterval(() => {}, 1000);
    note('up');`,
  );
  await chmod(engine, 0o755);
  const place = { name: 'demo', checkout: folder, folder, settingsFile: join(folder, 'settings') };
  const of = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, path)).href);
  const driver = join(folder, 'driver.mts');
  await writeFile(
    driver,
    `import { runEngine } from ${of('engine.ts')};
    import { interruptible } from ${of('../start/interrupt.mjs')};
    const pulumi = { place: ${JSON.stringify(place)}, command: ${JSON.stringify(engine)}, env: process.env };
    const options = { verbose: false, beginning: '', tell: () => {} };
    await interruptible((signal) => runEngine(pulumi, ['up'], { ...options, signal })).catch(({ exitCode }) => {
      process.exitCode = exitCode;
    });`,
  );
  const child = spawn(process.execPath, [driver], { detached: true, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  await vi.waitFor(async () => expect(await noted()).toEqual(['up']), { timeout: 10_000 });
  return { ask: () => child.exitCode === null && process.kill(-(child.pid ?? 0), 'SIGTERM'), ended };
}

test('a signal to the whole process group asks the engine once, and it is waited for', async () => {
  const { ask, ended } = await command(1);
  ask();
  expect(await ended).toBe(143);
  expect(await noted()).toEqual(['up', 'SIGINT', 'ended']);
});

test('who asks again after a second asks the engine again', async () => {
  const { ask, ended } = await command(2);
  const again = setInterval(ask, 100);
  expect(await ended).toBe(143);
  clearInterval(again);
  await vi.waitFor(async () => expect(await noted()).toEqual(['up', 'SIGINT', 'SIGINT', 'ended']));
});
