import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { cpuTicks, readTickRate, residentBytes, withDescendants } from './process-account.ts';

describe.runIf(process.platform === 'linux')('the account of a process', () => {
  test('is what getrusage says of this one', () => {
    for (const end = performance.now() + 100; performance.now() < end; ); // something to account for
    const { user, system } = process.cpuUsage();
    const told = (cpuTicks(process.pid) / readTickRate()) * 1e6;
    expect(Math.abs(told - user - system)).toBeLessThan(200_000);
    expect(Math.abs(residentBytes(process.pid) / process.memoryUsage.rss() - 1)).toBeLessThan(0.3);
  });

  test('covers its children, whatever their name', async () => {
    const script =
      "require('child_process').spawn(process.execPath, ['-e', 'process.title=\"a) 1 (b\"; console.log(1); setInterval(() => {}, 1e3)'], { stdio: 'inherit' })";
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    try {
      await once(child.stdout, 'data');
      const family = withDescendants(child.pid ?? 0);
      expect(family).toHaveLength(2);
      expect(family.every((pid) => cpuTicks(pid) >= 0)).toBe(true);
    } finally {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    }
    await once(child, 'exit');
    expect(() => cpuTicks(child.pid ?? 0)).toThrow();
  });
});
