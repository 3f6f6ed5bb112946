/** Whoever runs the harness may be killed: what it started ends all the same. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { whyNoKubelet } from './kubelet.ts';

const why = whyNoKubelet();
if (why !== undefined) process.stderr.write(`\n*** SKIPPED: the end of a killed harness. ${why}\n\n`);

test.skipIf(why !== undefined)(
  'killed, a network leaves no process',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'portolan-killed-'));
    const program = `import { startNetwork } from ${JSON.stringify(join(import.meta.dirname, 'kubelet.ts'))}; await startNetwork(); console.log('up');`;
    const env = { ...process.env, TMPDIR: folder };
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const holds = () =>
      readdirSync('/proc')
        .filter(Number)
        .filter((pid) => environmentOf(pid).includes(folder));
    expect(holds().length).toBeGreaterThanOrEqual(3);
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(holds()).toEqual([]), { timeout: 20_000, interval: 50 });
    rmSync(folder, { recursive: true, force: true });
  },
  60_000,
);

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}
