import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { answerBytes, requestMessage } from './call.ts';
import { end, startChild } from './child.ts';
import { findNginx, startNginx } from './nginx.ts';
import { withDescendants } from './process-account.ts';

test('a machine without nginx is told apart', () => {
  expect(findNginx(['portolan-has-no-such-program'])).toBeUndefined();
});

const found = findNginx();
test.runIf(found)('nginx stands between caller and upstream, and leaves nothing behind', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'portolan-bench-test-'));
  const { child, ready } = await startChild<{ port: number }>('./upstream.ts');
  const setting = { command: found?.command ?? '', dir, workers: 2, upstreamPort: ready.port };
  const family = await (async () => {
    await using nginx = await startNginx(setting);
    const body = JSON.stringify(requestMessage('modern', 7));
    const answer = await fetch(`http://127.0.0.1:${nginx.port}/mcp`, { method: 'POST', body });
    expect(await answer.text()).toBe(answerBytes(7).toString());
    expect(withDescendants(nginx.pid)).toHaveLength(3);
    return withDescendants(nginx.pid);
  })();
  for (const pid of family) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  await end(child);
  await rm(dir, { recursive: true });
});
